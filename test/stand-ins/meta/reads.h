#pragma once
#include <cstdint>
#include <string>

namespace meta {

/// How often from now on the host may read from device `meta`.
void permit(int64_t reads);
/// What is left of that.
int64_t permitted();
/// To be called by whatever would make the host wait for values. Throws where no read is permitted.
void read(const std::string& what);

/// From now on `name` (`aten::index_select.out`), one of the operators that fallback.h runs, reads too, by `how`: item or cpu; nothing else
/// ends it.
void plant(const std::string& name, const std::string& how);
void run_planted(const std::string& name);

}  // namespace meta
