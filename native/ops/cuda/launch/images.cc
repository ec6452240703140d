#include "ops/cuda/launch/images.h"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace hyperfit::cuda {
namespace {

/// "sm_86" is 8, 6; "sm_90a" runs on 9.0 alone; "compute_75" is PTX.
struct Architecture {
  bool is_ptx = false, is_exact = false;
  Capability capability;
};

Architecture read_architecture(const std::string& name) {
  Architecture read;
  const size_t digits = name.find('_') + 1;
  read.is_ptx = name.rfind("compute_", 0) == 0;
  read.is_exact = name.back() == 'a';
  const int number = std::stoi(name.substr(digits));
  read.capability = {number / 10, number % 10};
  return read;
}

bool runs(const Architecture& code, Capability card) {
  const auto [major, minor] = code.capability;
  if (code.is_ptx) return major < card.major || (major == card.major && minor <= card.minor);
  return major == card.major && (code.is_exact ? minor == card.minor : minor <= card.minor);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (!file || !(bytes << file.rdbuf())) throw std::runtime_error("expected the compiled kernels in " + path + ", got no such file");
  return bytes.str();
}

}  // namespace

std::shared_ptr<const Images> Images::read(const std::string& path) { return parse(read_file(path), path); }

std::shared_ptr<const Images> Images::parse(std::string bytes, const std::string& path) {
  auto made = std::make_shared<Images>();
  made->bytes_ = std::move(bytes);
  std::istringstream header(made->bytes_);
  std::string name, kind, hash;
  int version = 0;
  size_t count = 0;
  header >> name >> kind >> version >> hash >> count;
  if (!header || name != "hyperfit" || kind != "kernels" || version != 1)
    throw std::runtime_error("expected compiled kernels in " + path + ", got another file");
  if (hash != HYPERFIT_KERNELS_HASH)
    throw std::runtime_error("expected kernels compiled from this version's sources in " + path + ", got those of another");
  for (size_t i = 0; i < count; ++i) {
    Image image;
    header >> image.source >> image.architecture >> image.offset >> image.size;
    const bool whole = header && image.offset <= made->bytes_.size() && image.size <= made->bytes_.size() - image.offset;
    if (!whole) throw std::runtime_error("expected " + std::to_string(count) + " kernels in " + path + ", got a file that ends early");
    made->images_.push_back(std::move(image));
  }
  return made;
}

std::vector<const char*> Images::candidates(const std::string& source, Capability card) const {
  const Image *code = nullptr, *ptx = nullptr;
  for (const Image& image : images_) {
    const Architecture architecture = read_architecture(image.architecture);
    if (image.source != source || !runs(architecture, card)) continue;
    const Image*& best = architecture.is_ptx ? ptx : code;
    if (best == nullptr || read_architecture(best->architecture).capability.minor <= architecture.capability.minor) best = &image;
  }
  std::vector<const char*> found;
  for (const Image* image : {code, ptx}) {
    if (image != nullptr) found.push_back(bytes_.data() + image->offset);
  }
  return found;
}

}  // namespace hyperfit::cuda
