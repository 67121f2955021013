# Installs the library for find_package(TinyTorch) and pkg-config, and the tool where it is built.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Public headers: all but those that match a line of private-headers.txt.
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/private-headers.txt private REGEX "^[^#]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_LIST_DIR}/private-headers.txt)
list(JOIN private "|" private)
file(GLOB_RECURSE TINYTORCH_PUBLIC_HEADERS CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
  tinytorch/*.h)
list(FILTER TINYTORCH_PUBLIC_HEADERS EXCLUDE REGEX "${private}")
if(NOT TARGET tinytorch_onnx)
  list(FILTER TINYTORCH_PUBLIC_HEADERS EXCLUDE REGEX "/onnx/")
endif()
foreach(header IN LISTS TINYTORCH_PUBLIC_HEADERS)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${folder})
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/datasets DESTINATION ${CMAKE_INSTALL_DATADIR}/tinytorch)

install(TARGETS tinytorch EXPORT TinyTorchTargets)
if(TARGET tito_cli)
  install(TARGETS tito_cli)
endif()
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/TinyTorch)
install(EXPORT TinyTorchTargets NAMESPACE TinyTorch:: DESTINATION ${package_dir})
# Targets of their own: who does not ask for the component onnx needs no protobuf.
if(TARGET tinytorch_onnx)
  install(TARGETS tinytorch_onnx EXPORT TinyTorchOnnxTargets)
  install(EXPORT TinyTorchOnnxTargets NAMESPACE TinyTorch:: DESTINATION ${package_dir})
endif()

set(find_dependencies "")
foreach(dependency IN LISTS TINYTORCH_DEPENDENCIES)
  string(APPEND find_dependencies "find_dependency(${dependency})\n")
endforeach()
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/TinyTorchConfig.cmake.in
  ${PROJECT_BINARY_DIR}/TinyTorchConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/TinyTorchConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
# From its own folder, so that it is right wherever the files are installed or moved to.
file(RELATIVE_PATH pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${CMAKE_CURRENT_LIST_DIR}/tinytorch.pc.in ${PROJECT_BINARY_DIR}/tinytorch.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/TinyTorchConfig.cmake
  ${PROJECT_BINARY_DIR}/TinyTorchConfigVersion.cmake DESTINATION ${package_dir})
install(FILES ${PROJECT_BINARY_DIR}/tinytorch.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
