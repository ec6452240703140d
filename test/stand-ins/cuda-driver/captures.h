#pragma once
#include <napi.h>

namespace stand_in {

/// What tests ask of graphs by themselves, on the thread of JavaScript: beginCapture(device), endCapture() gives a graph's number,
/// launchGraph(number), forgetGraph(number).
void init_captures(Napi::Env env, Napi::Object exports);

}  // namespace stand_in
