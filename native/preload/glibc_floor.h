#pragma once
// Included before everything else (CMakeLists.txt, -include). Asks for old versions of a few symbols that glibc and
// libstdc++ have given new ones since, so that a binary built on a new system runs on glibc 2.28 with GCC 8's
// libstdc++, which is libtorch's own floor. Each pair is the same function, or one that does the same; a line without
// a use emits nothing. test/packaging reads the result with objdump.
#if __has_include(<gnu/libc-version.h>)
#if defined(__x86_64__)
#define HYPERFIT_OLD_GLIBC "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define HYPERFIT_OLD_GLIBC "GLIBC_2.17"
#endif
#endif

#ifdef HYPERFIT_OLD_GLIBC
#define HYPERFIT_OLD(name) __asm__(".symver " #name "," #name "@" HYPERFIT_OLD_GLIBC);
// 2.34 moved these from libdl and libpthread into libc.
HYPERFIT_OLD(dlopen)
HYPERFIT_OLD(dlsym)
HYPERFIT_OLD(dlerror)
HYPERFIT_OLD(dlclose)
HYPERFIT_OLD(pthread_create)
HYPERFIT_OLD(pthread_join)
HYPERFIT_OLD(pthread_rwlock_rdlock)
HYPERFIT_OLD(pthread_rwlock_wrlock)
HYPERFIT_OLD(pthread_rwlock_unlock)
// 2.29 dropped the error handling of the System V Interface Definition.
HYPERFIT_OLD(exp)
HYPERFIT_OLD(exp2)
HYPERFIT_OLD(log)
HYPERFIT_OLD(log2)
HYPERFIT_OLD(pow)
#undef HYPERFIT_OLD
// GCC 12 gave wait() a new version; GCC 11 an overload of str() for C++20.
__asm__(".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE,"
        "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
__asm__(".symver _ZNKRSt7__cxx1115basic_stringbufIcSt11char_traitsIcESaIcEE3strEv,"
        "_ZNKSt7__cxx1115basic_stringbufIcSt11char_traitsIcESaIcEE3strEv@GLIBCXX_3.4.21");
#endif
