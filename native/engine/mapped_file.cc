#include "engine/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/error.h"

namespace hyperfit {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw Error("ERR_MODEL_FILES", "expected a readable file for `path`, got " + path + ": " + reason +
                                     "; check that it exists and may be read");
}

/// Closes on every way out; the mapping outlives the descriptor.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) refuse(path, std::strerror(errno));
  struct stat status {};
  if (::fstat(file.value, &status) != 0) refuse(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) refuse(path, "not a regular file");
  if (status.st_size == 0) return;
  size_ = static_cast<size_t>(status.st_size);
  void* mapping = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.value, 0);
  if (mapping == MAP_FAILED) refuse(path, std::strerror(errno));
  data_ = static_cast<const uint8_t*>(mapping);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<uint8_t*>(data_), size_);
}

}  // namespace hyperfit
