#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace hyperfit {

/// A whole file, read-only in memory, for the lifetime of the object. The file must not shrink meanwhile (the system
/// answers a read beyond its end with SIGBUS), which is why no writer of this project truncates an existing file.
class MappedFile {
 public:
  /// Throws ERR_MODEL_FILES when the file cannot be opened, measured or mapped.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Null for an empty file.
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace hyperfit
