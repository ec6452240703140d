#include <napi.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "binding/addon_data.h"
#include "binding/async_task.h"
#include "binding/control.h"
#include "binding/generation_values.h"
#include "binding/model_functions.h"
#include "binding/model_readers.h"
#include "binding/model_table.h"
#include "binding/readers.h"
#include "binding/tensor_handles.h"

namespace hyperfit::binding {
namespace {

/// Ids, canonical ids and an entry of the index.
constexpr int64_t kIndexBytesPerToken = 24;

// Tokens travel by the task's own port, so that the last of them arrives before the promise is settled.
TokenListener forward_tokens(std::shared_ptr<Napi::FunctionReference> callback, MainThreadPort& port) {
  if (!callback) return nullptr;
  return [callback, &port](int64_t row, int32_t id, float log_probability) {
    port.post([callback, row, id, log_probability](Napi::Env env) {
      callback->Call({Napi::Number::New(env, static_cast<double>(row)), Napi::Number::New(env, id),
                      Napi::Number::New(env, log_probability)});
    });
  };
}

/// What one row's scores wait for: JavaScript, which changes them.
struct HookTurn {
  std::vector<float> logits;
  std::vector<int32_t> ids;
  std::mutex mutex;
  std::condition_variable answered;
  bool done = false;

  void finish() {
    {
      std::lock_guard lock(mutex);
      done = true;
    }
    answered.notify_one();
  }
};

// An environment that goes down drops its messages: hence a wait that looks up now and then.
void wait_for(HookTurn& turn, const StopSignals& stop) {
  constexpr auto kPatience = std::chrono::milliseconds(20);
  // By the system's clock: waiting by the steady one asks for a function that glibc has since 2.30, above the floor of the package.
  const auto soon = [&] { return std::chrono::system_clock::now() + kPatience; };
  std::unique_lock lock(turn.mutex);
  while (!turn.answered.wait_until(lock, soon(), [&] { return turn.done; })) stop.throw_if_cancelled();
  stop.throw_if_cancelled();
}

// The scores go to the main thread and come back as the function's result; lib/generate/logits-hook.ts sees to it that it never throws.
LogitsHook ask_main_thread(std::shared_ptr<Napi::FunctionReference> callback, MainThreadPort& port, const StopSignals& stop) {
  if (!callback) return nullptr;
  return [callback, &port, stop](int64_t row, std::span<float> logits, std::span<const int32_t> ids) {
    auto turn = std::make_shared<HookTurn>();
    turn->logits.assign(logits.begin(), logits.end());
    turn->ids.assign(ids.begin(), ids.end());
    port.post([callback, turn, row](Napi::Env env) {
      const std::shared_ptr<void> finish(nullptr, [turn](void*) { turn->finish(); });  // whatever happens
      const Napi::Value changed =
          callback->Call({Napi::Number::New(env, static_cast<double>(row)), float_array(env, turn->logits), int_array(env, turn->ids)});
      if (!changed.IsTypedArray()) return;  // the function has failed, and cancelled the work
      const ArrayView view = read_any_typed_array(changed, "logits");
      if (view.type != napi_float32_array || view.length != static_cast<int64_t>(turn->logits.size())) return;
      std::copy_n(static_cast<const float*>(view.data), view.length, turn->logits.begin());
    });
    wait_for(*turn, stop);
    std::copy(turn->logits.begin(), turn->logits.end(), logits.begin());
  };
}

Napi::Value model_generate(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  const size_t rows = read_typed_array<int32_t>(info[2], "lengths").size();
  GenerateOptions options = read_generate_options(info[3], rows);
  auto prompts = read_prompts(info[1], info[2], model->decoder().config(), options.max_new_tokens);
  check_vocabulary(options, model->decoder().config());
  Control control(info[4], &model->retirement());
  std::shared_ptr<Napi::FunctionReference> callback;
  if (!info[5].IsNull()) {
    callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(read_function(info[5], "onToken")));
  }
  std::shared_ptr<Napi::FunctionReference> hook;
  if (!info[6].IsNull() && !info[6].IsUndefined())
    hook = std::make_shared<Napi::FunctionReference>(Napi::Persistent(read_function(info[6], "logitsHook")));
  const bool token_stats = options.token_stats;
  return queue_model_task(
      info.Env(), model,
      [model, prompts = std::move(prompts), options = std::move(options), control, callback, hook](MainThreadPort& port) mutable {
        options.logits_hook = ask_main_thread(hook, port, control.signals());
        return model->generate(prompts, options, control.signals(), forward_tokens(callback, port));
      },
      [token_stats](Napi::Env env, std::vector<Generation>& generations) {
        Napi::Array result = Napi::Array::New(env, generations.size());
        for (uint32_t row = 0; row < generations.size(); ++row) {
          result.Set(row, generation_object(env, generations[row], token_stats));
        }
        return result;
      });
}

CitationIndexOptions read_index_options(const Napi::Value& value) {
  const Napi::Object object = read_object(value, "options");
  CitationIndexOptions options;
  options.match_length = read_integer(object.Get("matchLength"), "matchLength", 1, 1024);
  options.match_words = read_string(object.Get("matchUnit"), "matchUnit") == "word";
  options.starts_word = copy_typed_array<uint8_t>(object.Get("startsWord"), "startsWord");
  options.canonical = copy_typed_array<int32_t>(object.Get("canonicalIds"), "canonicalIds");
  options.eos_token_ids = copy_typed_array<int32_t>(object.Get("eosTokenIds"), "eosTokenIds");
  if (options.starts_word.size() != options.canonical.size()) {
    throw Error("ERR_SHAPE", "expected `startsWord` and `canonicalIds` of one length, the vocabulary's");
  }
  return options;
}

Napi::Value citation_index_create(const Napi::CallbackInfo& info) {
  std::vector<int32_t> tokens = copy_typed_array<int32_t>(info[0], "sequences");
  std::vector<int32_t> lengths = copy_typed_array<int32_t>(info[1], "lengths");
  CitationIndexOptions options = read_index_options(info[2]);
  const auto bytes = static_cast<int64_t>(tokens.size()) * kIndexBytesPerToken;
  return queue_task(
      info.Env(),
      [tokens = std::move(tokens), lengths = std::move(lengths), options = std::move(options)]() mutable {
        return std::make_shared<CitationIndex>(std::move(tokens), lengths, std::move(options));
      },
      [bytes](Napi::Env env, std::shared_ptr<CitationIndex>& index) {
        const Napi::Value handle = Napi::Number::New(env, addon_data(env).models->citation_indexes.put(std::move(index), bytes));
        report_memory(env);
        return handle;
      });
}

Napi::Value citation_index_dispose(const Napi::CallbackInfo& info) {
  addon_data(info.Env()).models->citation_indexes.release(read_handle(info[0], "index"));
  return info.Env().Undefined();
}

Napi::Value citation_index_banned(const Napi::CallbackInfo& info) {
  auto index = addon_data(info.Env()).models->citation_indexes.get(read_handle(info[0], "index"));
  CitationRule rule;
  rule.wait_for_word_end = read_boolean(info[2], "waitForWordEnd");
  rule.all_continuations = read_string(info[3], "banned") == "all";
  rule.ban_eos_at_end = read_string(info[4], "sequenceEnd") == "ban-eos";
  const std::span<int32_t> history = read_typed_array<int32_t>(info[1], "history");
  index->check_ids(history);
  return int_array(info.Env(), index->banned(history, rule));
}

Napi::Value no_repeat_ngram_banned(const Napi::CallbackInfo& info) {
  NoRepeatNgram rule(read_integer(info[1], "ngramSize", 0, 1024));
  for (int32_t id : read_typed_array<int32_t>(info[0], "history")) rule.append(id);
  return int_array(info.Env(), rule.banned());
}

}  // namespace

void init_generate(Napi::Env env, Napi::Object exports) {
  exports.Set("modelGenerate", Napi::Function::New<guarded<model_generate>>(env, "modelGenerate"));
  exports.Set("citationIndexCreate", Napi::Function::New<guarded<citation_index_create>>(env, "citationIndexCreate"));
  exports.Set("citationIndexDispose", Napi::Function::New<guarded<citation_index_dispose>>(env, "citationIndexDispose"));
  exports.Set("citationIndexBanned", Napi::Function::New<guarded<citation_index_banned>>(env, "citationIndexBanned"));
  exports.Set("noRepeatNgramBanned", Napi::Function::New<guarded<no_repeat_ngram_banned>>(env, "noRepeatNgramBanned"));
}

}  // namespace hyperfit::binding
