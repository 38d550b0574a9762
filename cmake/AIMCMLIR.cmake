# MLIR and LLVM as shared libraries. Link only `MLIR` and `LLVM`: naming MLIRxxx archives beside
# them would duplicate MLIR's globals in every tool.
include_guard(GLOBAL)
find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
message(STATUS "MLIR ${MLIR_VERSION} in ${MLIR_DIR}")
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# A library of ours on top of MLIR: add_aimc_mlir_library(NAME sources... [DEPENDS ...] [LINK ...])
function(add_aimc_mlir_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  # Debian's LLVM is built with RTTI and without exceptions.
  target_compile_options(${name} PRIVATE -fno-exceptions)
  aimc_target_defaults(${name})
endfunction()

# A tool or a shared library links libMLIR and libLLVM exactly once.
function(aimc_link_mlir target)
  target_link_libraries(${target} PRIVATE MLIR LLVM)
  # Debian keeps libMLIR outside of the loader's path; a build folder has it by default, an
  # installation only if told.
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib;${LLVM_LIBRARY_DIR}")
endfunction()
