# Writes OUTPUT, the list that ops/table.cpp includes: TINYTORCH_OPS(attention) for each file of
# SOURCES that describes operations. Such a file NAME.cpp defines NAME_ops().
set(lines "")
foreach(file IN LISTS SOURCES)
  cmake_path(GET file STEM name)
  file(STRINGS ${file} found REGEX "^std::span<const OpInfo> .*{")
  if(found)
    if(NOT found STREQUAL "std::span<const OpInfo> ${name}_ops() {")
      message(FATAL_ERROR "${file}: the operations of this file must be given by "
        "std::span<const OpInfo> ${name}_ops(), not as in: ${found}")
    endif()
    string(APPEND lines "TINYTORCH_OPS(${name})\n")
  endif()
endforeach()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "${lines}")  # touches it only when it changes
