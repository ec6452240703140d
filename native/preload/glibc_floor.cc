// libstdc++'s shared_ptr reads this glibc 2.32 variable to skip atomics in single-threaded programs. A private copy
// that says "many threads" is right in Node, and keeps the addon loadable on glibc 2.28, libtorch's own floor.
extern "C" {
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}
