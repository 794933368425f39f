# Debian's cross compiler (g++-aarch64-linux-gnu); programs run under qemu-aarch64 (qemu-user).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
# Static programs need no arm64 libraries at run time.
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
