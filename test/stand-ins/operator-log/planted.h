#pragma once
#include <string>

namespace operator_log {

/// What the next calls of an operator shall do beside their work, so that tests see the log catch it.
enum class Fault { none, scalar_read, allocation };

/// From now on `name` (`aten::mm.out`) commits `fault` each time it starts; Fault::none ends it.
void plant(const std::string& name, Fault fault);
void run_planted(const std::string& name);

}  // namespace operator_log
