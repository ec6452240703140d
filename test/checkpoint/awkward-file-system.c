/* Preloaded into a child process: file systems that refuse what CIFS, WSL's mounts and some of FUSE refuse. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static int asked(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? 0 : atoi(value);
}

int fsync(int descriptor) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  struct stat info;
  const int is_folder = fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode);
  const int refusal = asked(is_folder ? "AWKWARD_FOLDER_FSYNC" : "AWKWARD_FILE_FSYNC");
  if (refusal == 0) return real(descriptor);
  errno = refusal;
  return -1;
}

static int no_links(void) {
  errno = EPERM;
  return -1;
}

int symlink(const char *target, const char *path) {
  static int (*real)(const char *, const char *);
  if (real == NULL) real = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "symlink");
  return asked("AWKWARD_LINKS") ? no_links() : real(target, path);
}

int link(const char *target, const char *path) {
  static int (*real)(const char *, const char *);
  if (real == NULL) real = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link");
  return asked("AWKWARD_LINKS") ? no_links() : real(target, path);
}

/* Node is built with names of its own for large files. */
int statfs64(const char *path, struct statfs64 *info) {
  static int (*real)(const char *, struct statfs64 *);
  if (real == NULL) real = (int (*)(const char *, struct statfs64 *))dlsym(RTLD_NEXT, "statfs64");
  const int result = real(path, info);
  if (asked("AWKWARD_BLOCKS")) info->f_blocks = info->f_bfree = info->f_bavail = 0;
  return result;
}
