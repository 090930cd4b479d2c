# Write OUT: a C header with each of FILES as a byte array named after it.
set(text "/* Embedded files. Made by http/embed.cmake. */\n#pragma once\n#include <stddef.h>\n")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  string(MAKE_C_IDENTIFIER "pages_${name}" id)
  file(READ ${file} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR len "${digits} / 2")
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND text "static const unsigned char ${id}[] = {${bytes}0};\n"
         "static const size_t ${id}_len = ${len};\n")
endforeach()
file(WRITE ${OUT} "${text}")
