# Tests of the replication layer (raft/repl*, raft/peer_*).
pkg_check_modules(REPL_TEST_OPENSSL REQUIRED IMPORTED_TARGET libssl libcrypto)
pkg_check_modules(REPL_TEST_LIBRAFT REQUIRED IMPORTED_TARGET raft>=0.22.1)

# One replica as a process, and what drives several of them.
add_executable(repl_node repl_node.c)
target_compile_options(repl_node PRIVATE ${TASUKI_WARNINGS})
target_link_libraries(repl_node PRIVATE tasuki_repl tasuki_fsm tasuki_store tasuki_base)

add_library(repl_cluster STATIC repl_cluster.c repl_pki.c)
target_compile_options(repl_cluster PRIVATE ${TASUKI_WARNINGS})
target_compile_definitions(repl_cluster PRIVATE
                           REPL_NODE_PATH="$<TARGET_FILE:repl_node>")
target_link_libraries(repl_cluster PRIVATE tasuki_base PkgConfig::REPL_TEST_OPENSSL)
add_dependencies(repl_cluster repl_node)

add_executable(repl_bench repl_bench.c)
target_compile_options(repl_bench PRIVATE ${TASUKI_WARNINGS})
target_link_libraries(repl_bench PRIVATE repl_cluster tasuki_base)

# Replicas as processes; one such test is quick enough for the quick tier.
tasuki_unit_test(repl_cluster SOURCES test_repl_cluster.c LIBS repl_cluster tasuki_base
                 LABEL full)
add_test(NAME repl_cluster_load
         COMMAND test_repl_cluster quick test_concurrent_writes_and_restart)
set_tests_properties(repl_cluster_load PROPERTIES LABELS quick TIMEOUT 60)
add_test(NAME repl_cluster_faults COMMAND test_repl_cluster full)
set_tests_properties(repl_cluster_faults PROPERTIES LABELS full TIMEOUT 240)
# A small cluster whose members change.
tasuki_unit_test(repl_member SOURCES test_repl_member.c LIBS repl_cluster tasuki_base
                 LABEL full)
# Data directories made out of images; real replicas start on them.
tasuki_unit_test(repl_seed SOURCES test_repl_seed.c power_cut.c
                 LIBS repl_cluster tasuki_repl tasuki_repl_core tasuki_fsm tasuki_store
                      tasuki_base
                 LABEL full)
tasuki_unit_test(peer_link SOURCES test_peer_link.c
                 LIBS repl_cluster tasuki_peer_wire tasuki_base PkgConfig::REPL_TEST_OPENSSL
                 LABEL full)

# Both ends of an image's way; the state behind them is a double.
tasuki_unit_test(peer_image SOURCES test_peer_image.c repl_pki.c
                 LIBS tasuki_repl tasuki_peer_wire tasuki_base
                      PkgConfig::REPL_TEST_OPENSSL PkgConfig::REPL_TEST_LIBRAFT)

# The bytes and the rules alone.
tasuki_unit_test(peer_wire SOURCES test_peer_wire.c
                 LIBS tasuki_peer_wire tasuki_base PkgConfig::REPL_TEST_LIBRAFT)
tasuki_unit_test(repl_check SOURCES test_repl_check.c LIBS tasuki_repl tasuki_base)
tasuki_unit_test(repl_rules SOURCES test_repl_rules.c
                 LIBS tasuki_repl tasuki_base)
