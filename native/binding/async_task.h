#pragma once
#include <napi.h>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>

#include "binding/addon_data.h"
#include "binding/errors.h"
#include "binding/launch_notes.h"

namespace hyperfit::binding {

/// Carries messages from the compute thread to the main thread, in order.
class MainThreadPort {
 public:
  using Message = std::function<void(Napi::Env)>;
  MainThreadPort(Napi::Env env, const char* name);
  /// From any thread. A message that arrives after the environment went down is dropped unrun (and leaked: it may hold
  /// references that can no longer be released).
  void post(Message message) { post(std::make_unique<Message>(std::move(message))); }
  /// As above, and takes no memory of its own.
  void post(std::unique_ptr<Message> message) noexcept;
  /// The last call; the port keeps the event loop alive until then.
  void close();

 private:
  napi_threadsafe_function function_ = nullptr;
};

namespace detail {
struct Nothing {};

template <class Work>
auto run_work(Work& work, MainThreadPort& port) {
  if constexpr (std::is_invocable_v<Work&, MainThreadPort&>) {
    return work(port);
  } else {
    return work();
  }
}
}  // namespace detail

/// Runs `work()` (or `work(port)`) on the compute thread, where there is no JavaScript, and then, on the main thread,
/// resolves the promise with `finish(env, result)`. Exceptions of either reject with their code.
template <class Work, class Finish>
Napi::Promise queue_task(Napi::Env env, Work work, Finish finish) {
  using Returned = decltype(detail::run_work(work, std::declval<MainThreadPort&>()));
  using Result = std::conditional_t<std::is_void_v<Returned>, detail::Nothing, Returned>;
  struct Task {
    Napi::Promise::Deferred deferred;
    Work work;
    Finish finish;
    MainThreadPort port;
    std::optional<Result> result;
    std::optional<Failure> failure;
  };
  auto created = std::unique_ptr<Task>(new Task{Napi::Promise::Deferred::New(env), std::move(work), std::move(finish),
                        MainThreadPort(env, "hyperfit"), std::nullopt, std::nullopt});
  Task* task = created.get();
  Napi::Promise promise = task->deferred.Promise();

  auto settle = [task](Napi::Env env) {
    std::unique_ptr<Task> owned(task);
    deliver_launch_notes(env);
    if (task->failure) {
      task->deferred.Reject(to_js_error(env, *task->failure).Value());
      return;
    }
    try {
      task->deferred.Resolve(task->finish(env, *task->result));
    } catch (const Napi::Error& error) {
      task->deferred.Reject(error.Value());
    } catch (...) {
      task->deferred.Reject(to_js_error(env, describe_exception(std::current_exception())).Value());
    }
  };
  // Made ahead, so that even a task that ends for want of memory can say so.
  auto settling = std::make_shared<std::unique_ptr<MainThreadPort::Message>>(std::make_unique<MainThreadPort::Message>(settle));
  auto run = [task, settling] {
    try {
      if constexpr (std::is_void_v<Returned>) {
        detail::run_work(task->work, task->port);
        task->result.emplace();
      } else {
        task->result.emplace(detail::run_work(task->work, task->port));
      }
    } catch (...) {
      task->failure = describe_exception(std::current_exception());
    }
    MainThreadPort port = task->port;  // `task` is gone once the message has run
    port.post(std::move(*settling));
    port.close();
  };
  try {
    addon_data(env).compute.push(std::move(run));
  } catch (...) {
    created->port.close();
    throw;
  }
  created.release();
  return promise;
}

}  // namespace hyperfit::binding
