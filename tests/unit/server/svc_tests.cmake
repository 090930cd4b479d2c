# The services over the real store and state machine; svc_fixture stands in for
# raft/repl, so target tasuki_repl is not linked for what it implements.
foreach(name svc_flow svc_token svc_admin)
  tasuki_unit_test(${name}
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c
            ${CMAKE_CURRENT_LIST_DIR}/svc_fixture.c
    LIBS tasuki_server tasuki_oidc tasuki_domain tasuki_crypto tasuki_fsm tasuki_store
         tasuki_base PkgConfig::JANSSON Threads::Threads)
endforeach()

# Not a test: prints the cost of the hot paths (ops/docs/performance.md).
add_executable(bench_svc EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/bench_svc.c
               ${CMAKE_CURRENT_LIST_DIR}/svc_fixture.c)
target_compile_options(bench_svc PRIVATE ${TASUKI_WARNINGS})
target_link_libraries(bench_svc PRIVATE tasuki_server tasuki_oidc tasuki_domain
                      tasuki_crypto tasuki_fsm tasuki_store tasuki_base
                      PkgConfig::JANSSON PkgConfig::CMOCKA Threads::Threads)
