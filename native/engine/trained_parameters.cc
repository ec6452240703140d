#include "engine/trained_parameters.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"

namespace hyperfit {

TrainedParameters::TrainedParameters(ParameterStore& store, std::vector<Parameter*> parameters)
    : store_(store), parameters_(std::move(parameters)) {
  store_.count_trainers(parameters_, 1);
}

void TrainedParameters::require_fresh_gradients() const {
  const bool fresh = store_.flat_gradients().defined() && !store_.gradients_are_stale();
  if (fresh && std::all_of(parameters_.begin(), parameters_.end(), [](const Parameter* parameter) { return parameter->trained; })) return;
  throw Error("ERR_CONFIG",
              fresh ? "expected gradients of all that this optimizer trains for `optimizer.step`, got some; it is younger than the last "
                      "forwardBackward: call that again"
                    : "expected gradients for `optimizer.step`, got none; call forwardBackward first");
}

}  // namespace hyperfit
