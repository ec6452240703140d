#include "ops/cpu/memory/memory_limit.h"

#include <fcntl.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>

#include "engine/error.h"

namespace hyperfit {
namespace {

/// What is left to V8 and to all that is no tensor: the lesser of so many bytes and this part of the limit.
constexpr int64_t kLeftOver = int64_t{64} << 20;
constexpr int64_t kLeftPart = 8;

std::mutex mutex;
std::shared_ptr<const std::vector<MemoryLimit>> known;
std::atomic<bool> limited{false};

std::string read_small_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::string text(16384, '\0');
  const ssize_t length = ::read(file, text.data(), text.size());
  ::close(file);
  text.resize(static_cast<size_t>(std::max<ssize_t>(length, 0)));
  return text;
}

/// Nothing for "max", and for files that are gone.
std::optional<int64_t> read_bytes(const std::string& path) {
  const std::string text = read_small_file(path);
  char* end = nullptr;
  const int64_t bytes = std::strtoll(text.c_str(), &end, 10);
  return end == text.c_str() ? std::nullopt : std::optional(bytes);
}

int64_t value_of(std::string_view statistics, const std::string& key) {
  for (size_t begin = 0; begin < statistics.size();) {
    const size_t end = std::min(statistics.find('\n', begin), statistics.size());
    const std::string_view line = statistics.substr(begin, end - begin);
    if (line.size() > key.size() && line.substr(0, key.size()) == key && line[key.size()] == ' ') {
      return std::strtoll(std::string(line.substr(key.size() + 1)).c_str(), nullptr, 10);
    }
    begin = end + 1;
  }
  return 0;
}

/// Of what is kept of files, that which no program has open in memory.
int64_t reclaimable(const MemoryLimit& limit) {
  const std::string statistics = read_small_file(limit.statistics);
  int64_t cached = 0;
  for (const std::string& key : limit.cached) cached += value_of(statistics, key);
  return std::max<int64_t>(0, cached - value_of(statistics, limit.mapped));
}

bool has_room(const MemoryLimit& limit, int64_t most, int64_t bytes) {
  const std::optional<int64_t> usage = read_bytes(limit.usage);
  if (!usage) return true;
  const int64_t unused = most - *usage - std::min(kLeftOver, most / kLeftPart);
  // The statistics are asked for only where they decide: they cost the system a tenth of a millisecond.
  return bytes <= unused || bytes <= unused + reclaimable(limit);
}

void require_below(const MemoryLimit& limit, int64_t bytes) {
  std::optional<int64_t> most;
  for (const std::string& path : limit.limits) {
    if (const auto value = read_bytes(path)) most = std::min(most.value_or(*value), *value);
  }
  if (!most || has_room(limit, *most, bytes)) return;
  give_back_freed();
  if (has_room(limit, *most, bytes)) return;
  throw Error("ERR_OUT_OF_MEMORY",
              "expected room for " + std::to_string(bytes >> 20) + " MB of memory below the limit of this process's cgroup (" +
                  std::to_string(*most >> 20) +
                  " MB), got too little; lower the batch size or the sequence length, dispose() what is not needed, or raise the limit");
}

}  // namespace

void give_back_freed() noexcept {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

void set_memory_limits(std::vector<MemoryLimit> limits) {
  const std::lock_guard lock(mutex);
  limited = !limits.empty();
  known = std::make_shared<const std::vector<MemoryLimit>>(std::move(limits));
}

bool memory_is_limited() noexcept { return limited; }

void require_memory(size_t bytes) {
  if (!memory_is_limited()) return;
  std::shared_ptr<const std::vector<MemoryLimit>> limits;
  {
    const std::lock_guard lock(mutex);
    limits = known;
  }
  // What no machine has would overflow beside other numbers.
  const int64_t wanted = static_cast<int64_t>(std::min<size_t>(bytes, size_t{1} << 56));
  for (const MemoryLimit& limit : *limits) require_below(limit, wanted);
}

}  // namespace hyperfit
