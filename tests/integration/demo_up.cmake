# Starts the tests' demo anew. Variables: DEMO DIR BUILD_DIR PORT_BASE SECRETS.
file(REMOVE ${SECRETS})
execute_process(COMMAND ${DEMO} down --dir ${DIR} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${DEMO} up --build-dir ${BUILD_DIR} --dir ${DIR}
  --port-base ${PORT_BASE} --workers 0 COMMAND_ERROR_IS_FATAL ANY)
