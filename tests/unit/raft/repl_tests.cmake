# Tests of the replication layer (raft/repl*, raft/peer_*).
pkg_check_modules(OPENSSL_CRYPTO REQUIRED IMPORTED_TARGET libssl libcrypto)
pkg_check_modules(LIBRAFT REQUIRED IMPORTED_TARGET raft>=0.22.1)

# One replica as a process, and what drives several of them.
add_executable(repl_node ${CMAKE_CURRENT_LIST_DIR}/repl_node.c)
target_compile_options(repl_node PRIVATE ${TASUKI_WARNINGS})
target_link_libraries(repl_node PRIVATE tasuki_repl tasuki_fsm tasuki_store tasuki_base)

add_library(repl_cluster STATIC ${CMAKE_CURRENT_LIST_DIR}/repl_cluster.c
            ${CMAKE_CURRENT_LIST_DIR}/repl_pki.c)
target_compile_options(repl_cluster PRIVATE ${TASUKI_WARNINGS})
target_compile_definitions(repl_cluster PRIVATE
                           REPL_NODE_PATH="$<TARGET_FILE:repl_node>")
target_link_libraries(repl_cluster PRIVATE tasuki_base PkgConfig::OPENSSL_CRYPTO)
add_dependencies(repl_cluster repl_node)

add_executable(repl_bench ${CMAKE_CURRENT_LIST_DIR}/repl_bench.c)
target_compile_options(repl_bench PRIVATE ${TASUKI_WARNINGS})
target_link_libraries(repl_bench PRIVATE repl_cluster tasuki_base)

# Replicas as processes.
tasuki_unit_test(repl_cluster SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_repl_cluster.c
                 LIBS repl_cluster tasuki_base)
add_test(NAME repl_cluster_full COMMAND test_repl_cluster full)
set_tests_properties(repl_cluster_full PROPERTIES LABELS full TIMEOUT 240)

tasuki_unit_test(peer_link SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_peer_link.c
                 LIBS repl_cluster tasuki_peer_wire tasuki_base PkgConfig::OPENSSL_CRYPTO)

# The bytes and the rules alone.
tasuki_unit_test(peer_wire SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_peer_wire.c
                 LIBS tasuki_peer_wire tasuki_base PkgConfig::LIBRAFT)
tasuki_unit_test(repl_rules SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_repl_rules.c
                 LIBS tasuki_repl tasuki_base)
