# The services over the real store and state machine. svc_fixture stands in for
# raft/repl: its definitions come first, so nothing of tasuki_repl is linked.
set(SVC_TEST_LIBS tasuki_server tasuki_oidc tasuki_domain tasuki_crypto tasuki_fsm
    tasuki_store tasuki_base PkgConfig::JANSSON Threads::Threads)
tasuki_unit_test(svc_flow SOURCES test_svc_flow.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_logout SOURCES test_svc_logout.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_token SOURCES test_svc_token.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_assertion SOURCES test_svc_assertion.c svc_fixture.c client_signer.c
                 LIBS ${SVC_TEST_LIBS} PkgConfig::CJOSE)
tasuki_unit_test(svc_request_object
                 SOURCES test_svc_request_object.c svc_fixture.c client_signer.c
                 LIBS ${SVC_TEST_LIBS} PkgConfig::CJOSE)
tasuki_unit_test(svc_admin SOURCES test_svc_admin.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_staff SOURCES test_svc_staff.c staff_fixture.c svc_fixture.c
                 LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_staff_evidence SOURCES test_svc_staff_evidence.c
                 LIBS tasuki_ocr_wire ${SVC_TEST_LIBS})
set(DESK_TEST staff_fixture.c desk_fixture.c svc_fixture.c LIBS tasuki_ocr_wire ${SVC_TEST_LIBS})
tasuki_unit_test(svc_staff_help SOURCES test_svc_staff_help.c ${DESK_TEST})
tasuki_unit_test(svc_staff_receive SOURCES test_svc_staff_receive.c ${DESK_TEST})
tasuki_unit_test(svc_staff_return SOURCES test_svc_staff_return.c ${DESK_TEST})
tasuki_unit_test(svc_staff_scan SOURCES test_svc_staff_scan.c ${DESK_TEST})
tasuki_unit_test(svc_register SOURCES test_svc_register.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_message SOURCES test_svc_message.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_apply SOURCES test_svc_apply.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_entry SOURCES test_svc_entry.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_factor SOURCES test_svc_factor.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_recover SOURCES test_svc_recover.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_device SOURCES test_svc_device.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_state SOURCES test_svc_state.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_blob SOURCES test_svc_blob.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_import SOURCES test_svc_import.c svc_fixture.c LIBS ${SVC_TEST_LIBS})
tasuki_unit_test(svc_job SOURCES test_svc_job.c svc_fixture.c
                 LIBS tasuki_ocr_wire ${SVC_TEST_LIBS})

# RSA keys for all of them, made once a build (made_rsa.c).
find_program(OPENSSL openssl REQUIRED)
set(RSA_MADE_FILES)
foreach(number RANGE 1 2)
  set(file ${CMAKE_CURRENT_BINARY_DIR}/made_rsa_${number}.pem)
  add_custom_command(OUTPUT ${file} COMMAND ${OPENSSL} genrsa -out ${file} 2048
                     VERBATIM)
  list(APPEND RSA_MADE_FILES ${file})
endforeach()
add_custom_target(made_rsa DEPENDS ${RSA_MADE_FILES})
foreach(name flow logout token assertion request_object admin staff register message apply
        entry factor recover device state blob import job)
  target_sources(test_svc_${name} PRIVATE made_rsa.c)
  target_compile_definitions(test_svc_${name} PRIVATE RSA_MADE=2
                             RSA_MADE_DIR="${CMAKE_CURRENT_BINARY_DIR}")
  target_link_options(test_svc_${name} PRIVATE -Wl,--wrap=EVP_PKEY_Q_keygen)
  add_dependencies(test_svc_${name} made_rsa)
endforeach()

# Not a test: prints the cost of the hot paths (ops/docs/performance.md).
add_executable(bench_svc EXCLUDE_FROM_ALL bench_svc.c svc_fixture.c client_signer.c)
target_compile_options(bench_svc PRIVATE ${TASUKI_WARNINGS})
target_link_libraries(bench_svc PRIVATE ${SVC_TEST_LIBS} PkgConfig::CJOSE PkgConfig::CMOCKA)
