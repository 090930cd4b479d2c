# tasuki_repl: the replicated log (libraft on libuv) and the links between nodes.
pkg_check_modules(REPL_LIBUV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(REPL_LIBRAFT REQUIRED IMPORTED_TARGET raft>=0.22.1)
pkg_check_modules(REPL_OPENSSL REQUIRED IMPORTED_TARGET libssl libcrypto)

# The bytes between nodes; no I/O, so the fuzz targets link this alone.
add_library(tasuki_peer_wire STATIC peer_raft.c peer_wire.c)
target_compile_options(tasuki_peer_wire PRIVATE ${TASUKI_WARNINGS})
target_link_libraries(tasuki_peer_wire PRIVATE tasuki_base PkgConfig::REPL_LIBRAFT)

# The core: no thread, socket, file or clock of its own (raft/repl_core.h). The
# simulator links this.
add_library(tasuki_repl_core STATIC
  repl_capture.c repl_clock.c repl_core.c repl_digest.c repl_frame.c repl_fsm.c
  repl_io.c repl_marker.c repl_member.c repl_point.c repl_prove.c repl_status.c repl_submit.c repl_trail.c)
target_compile_options(tasuki_repl_core PRIVATE ${TASUKI_WARNINGS})
target_link_libraries(tasuki_repl_core PRIVATE tasuki_peer_wire tasuki_fsm tasuki_store
                      tasuki_base PkgConfig::REPL_LIBRAFT Threads::Threads)

add_library(tasuki_repl STATIC
  peer_conn.c peer_image_channel.c peer_image_give.c peer_image_pace.c repl_note.c peer_image_take.c
  peer_link.c peer_tls.c
  repl.c repl_check.c repl_seed.c repl_seed_mark.c repl_seed_offline.c repl_seed_raft.c repl_uv.c repl_watchdog.c)
target_compile_options(tasuki_repl PRIVATE ${TASUKI_WARNINGS})
target_link_libraries(tasuki_repl PRIVATE tasuki_repl_core tasuki_peer_wire tasuki_fsm
                      tasuki_store
                      tasuki_base PkgConfig::REPL_LIBRAFT PkgConfig::REPL_LIBUV
                      PkgConfig::REPL_OPENSSL Threads::Threads)
