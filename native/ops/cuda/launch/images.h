#pragma once
#include <memory>
#include <string>
#include <vector>

namespace hyperfit::cuda {

/// What a card runs: a major and a minor version of its instructions.
struct Capability {
  int major = 0, minor = 0;
};

/// The kernels of the package, compiled ahead for every architecture (scripts/kernels/compile.py writes the file and says how it looks).
class Images {
 public:
  /// Reads the file. Throws std::runtime_error where it is missing, cut off, or compiled from other sources than this addon knows.
  static std::shared_ptr<const Images> read(const std::string& path);
  /// The same of what was in it.
  static std::shared_ptr<const Images> parse(std::string bytes, const std::string& path);

  /// Machine code of a source for that card, then PTX that its driver translates: what to try in turn. Empty where neither fits.
  std::vector<const char*> candidates(const std::string& source, Capability card) const;

 private:
  struct Image {
    std::string source, architecture;
    size_t offset, size;
  };
  std::string bytes_;
  std::vector<Image> images_;
};

}  // namespace hyperfit::cuda
