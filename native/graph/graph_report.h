#pragma once
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>

namespace hyperfit {

/// What became of graphs in this process.
struct GraphReport {
  int64_t recorded = 0, replays = 0, refusals = 0;
  std::string refusal;  // the first one, or empty
};
GraphReport graph_report();

void count_recording();
void count_replay();
/// Work that cannot be recorded runs operator by operator; who asks for it is told so once a kind of work.
void note_refusal(const char* work, c10::Device device, const std::string& reason);
/// A note that nobody has been told yet.
std::optional<std::string> take_graph_note();

}  // namespace hyperfit
