// The part of glibc_floor.h that needs code: private copies of what older systems lack.
#include <sys/stat.h>

extern "C" {

// libstdc++'s shared_ptr reads this glibc 2.32 variable to skip atomics in single-threaded programs. A private copy
// that says "many threads" is right in Node.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;

#if defined(HYPERFIT_OLD_GLIBC)
// Functions since 2.33, before that inline calls of these with the layout's number.
int __fxstat(int version, int fd, struct stat* status);
int __xstat(int version, const char* path, struct stat* status);
int __lxstat(int version, const char* path, struct stat* status);
#if defined(__x86_64__)
constexpr int kStatLayout = 1;
#else
constexpr int kStatLayout = 0;
#endif

__attribute__((visibility("hidden"))) int fstat(int fd, struct stat* status) noexcept { return __fxstat(kStatLayout, fd, status); }
__attribute__((visibility("hidden"))) int stat(const char* path, struct stat* status) noexcept {
  return __xstat(kStatLayout, path, status);
}
__attribute__((visibility("hidden"))) int lstat(const char* path, struct stat* status) noexcept {
  return __lxstat(kStatLayout, path, status);
}
#endif
}
