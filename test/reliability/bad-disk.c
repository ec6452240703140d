// Plays a disk that is slow, hangs or fails, for what one process does below one folder: LD_PRELOAD, with BAD_DISK the folder and BAD_DISK_MODE a
// file outside of it, read at each call: "slow 50" (milliseconds a call), "hang" (until it says something else), "error 30" (that errno for what
// writes); empty or absent is a good disk.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char read_mode(int *value) {
  char text[64] = {0};
  const char *path = getenv("BAD_DISK_MODE");
  int file = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 'g';
  if (syscall(SYS_read, file, text, sizeof text - 1) < 0) text[0] = 0;
  syscall(SYS_close, file);
  char *number = strchr(text, ' ');
  *value = number == NULL ? 0 : atoi(number);
  return text[0] == 0 ? 'g' : text[0];
}

static int is_on_disk(const char *path) {
  const char *folder = getenv("BAD_DISK");
  return folder != NULL && path != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_open_on_disk(int file) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_on_disk(path);
}

// 0, or the errno that the call is to fail with.
static int meet(int on_disk, int writes) {
  int value = 0;
  if (!on_disk) return 0;
  for (;;) {
    switch (read_mode(&value)) {
      case 's': usleep(1000 * value); return 0;
      case 'e': return writes ? value : 0;
      case 'h': usleep(20000); continue;
      default: return 0;
    }
  }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define MEET(on_disk, writes)              \
  do {                                     \
    int refusal = meet((on_disk), writes); \
    if (refusal != 0) {                    \
      errno = refusal;                     \
      return -1;                           \
    }                                      \
  } while (0)

#define OPEN(name)                                                                        \
  int name(const char *path, int flags, ...) {                                            \
    va_list rest;                                                                         \
    va_start(rest, flags);                                                                \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;               \
    va_end(rest);                                                                         \
    MEET(is_on_disk(path), flags & (O_WRONLY | O_RDWR | O_CREAT));                        \
    return REAL(name)(path, flags, mode);                                                 \
  }
OPEN(open)
OPEN(open64)

ssize_t write(int file, const void *from, size_t bytes) { MEET(is_open_on_disk(file), 1); return REAL(write)(file, from, bytes); }
ssize_t pwrite(int file, const void *from, size_t bytes, off_t at) { MEET(is_open_on_disk(file), 1); return REAL(pwrite)(file, from, bytes, at); }
ssize_t pwrite64(int file, const void *from, size_t bytes, off64_t at) { MEET(is_open_on_disk(file), 1); return REAL(pwrite64)(file, from, bytes, at); }
ssize_t writev(int file, const struct iovec *from, int count) { MEET(is_open_on_disk(file), 1); return REAL(writev)(file, from, count); }
ssize_t pwritev(int file, const struct iovec *from, int count, off_t at) { MEET(is_open_on_disk(file), 1); return REAL(pwritev)(file, from, count, at); }
ssize_t pwritev64(int file, const struct iovec *from, int count, off64_t at) { MEET(is_open_on_disk(file), 1); return REAL(pwritev64)(file, from, count, at); }
int fsync(int file) { MEET(is_open_on_disk(file), 1); return REAL(fsync)(file); }
int fdatasync(int file) { MEET(is_open_on_disk(file), 1); return REAL(fdatasync)(file); }
int ftruncate(int file, off_t size) { MEET(is_open_on_disk(file), 1); return REAL(ftruncate)(file, size); }
int rename(const char *from, const char *to) { MEET(is_on_disk(to), 1); return REAL(rename)(from, to); }
int link(const char *from, const char *to) { MEET(is_on_disk(to), 1); return REAL(link)(from, to); }
int mkdir(const char *path, mode_t mode) { MEET(is_on_disk(path), 1); return REAL(mkdir)(path, mode); }
int unlink(const char *path) { MEET(is_on_disk(path), 1); return REAL(unlink)(path); }
int access(const char *path, int mode) { MEET(is_on_disk(path), 0); return REAL(access)(path, mode); }
int rmdir(const char *path) { MEET(is_on_disk(path), 1); return REAL(rmdir)(path); }

// libuv asks for statx by its number.
long syscall(long number, ...) {
  long values[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; ++i) values[i] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_statx) MEET(is_on_disk((const char *)values[1]), 0);
  long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return real(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}
