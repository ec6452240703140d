#include "binding/files_binding.h"

#include <c10/core/Device.h>

#include <utility>

#include "binding/addon_data.h"
#include "binding/async_task.h"
#include "binding/errors.h"
#include "binding/readers.h"
#include "binding/tensor_handles.h"
#include "engine/gguf_tensor.h"

namespace hyperfit::binding {
namespace {

std::vector<at::Tensor> load_all(const std::vector<TensorSource>& sources, c10::Device device) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(sources.size());
  for (const TensorSource& source : sources) tensors.push_back(load_tensor(source).to(device));
  return tensors;
}

Napi::Value put_all(Napi::Env env, const std::vector<at::Tensor>& tensors) {
  Napi::Array handles = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); ++i) handles.Set(i, new_handle(env, tensors[i]));
  return handles;
}

Napi::Value tensors_load(const Napi::CallbackInfo& info) {
  std::vector<TensorSource> sources = read_tensor_sources(info[0]);
  const c10::Device device = read_device(info[1], "device");
  return queue_task(
      info.Env(), [sources = std::move(sources), device] { return load_all(sources, device); },
      [](Napi::Env env, std::vector<at::Tensor>& tensors) { return put_all(env, tensors); });
}

std::vector<at::Tensor> read_tensors(const Napi::Value& value) {
  const TensorTable& table = addon_data(value.Env()).tensors;
  const Napi::Array handles = read_array(value, "tensors");
  std::vector<at::Tensor> tensors;
  for (uint32_t i = 0; i < handles.Length(); ++i) {
    tensors.push_back(table.get(read_handle(handles.Get(i), "tensors[" + std::to_string(i) + "]")));
  }
  return tensors;
}

Napi::Value tensors_save(const Napi::CallbackInfo& info) {
  std::string path = read_string(info[0], "path");
  std::vector<uint8_t> header = copy_typed_array<uint8_t>(info[1], "header");
  std::vector<at::Tensor> tensors = read_tensors(info[2]);
  return queue_task(
      info.Env(),
      [path = std::move(path), header = std::move(header), tensors = std::move(tensors)] { save_tensors(path, header, tensors); },
      [](Napi::Env env, auto&) { return env.Undefined(); });
}

Napi::Value tensor_write_rows(const Napi::CallbackInfo& info) {
  const TensorTable& table = addon_data(info.Env()).tensors;
  std::string path = read_string(info[0], "path");
  const int64_t offset = read_integer(info[1], "offset", 0);
  std::string name = read_string(info[2], "name");
  at::Tensor tensor = table.get(read_handle(info[3], "tensor"));
  StoredForm form = read_stored_form(info[4]);
  const int64_t begin = read_integer(info[5], "begin", 0);
  const int64_t end = read_integer(info[6], "end", 0);
  return queue_task(
      info.Env(),
      [path = std::move(path), offset, name = std::move(name), tensor = std::move(tensor), form = std::move(form), begin, end] {
        write_stored_rows(path, offset, name, tensor, form, begin, end);
      },
      [](Napi::Env env, auto&) { return env.Undefined(); });
}

}  // namespace

StoredForm read_stored_form(const Napi::Value& value) {
  const Napi::Object object = read_object(value, "form");
  StoredForm form;
  form.type = read_string(object.Get("type"), "form.type");
  form.rope_heads = read_integer(object.Get("ropeHeads"), "form.ropeHeads", 0, 1 << 20);
  form.add = read_number(object.Get("add"), "form.add");
  form.scale = read_number(object.Get("scale"), "form.scale");
  form.transposed = read_boolean(object.Get("transposed"), "form.transposed");
  return form;
}

TensorSource read_tensor_source(const Napi::Object& object) {
  TensorSource source;
  source.name = read_string(object.Get("name"), "source.name");
  source.path = read_string(object.Get("path"), "source.path");
  source.offset = read_integer(object.Get("offset"), "source.offset", 0);
  source.byte_length = read_integer(object.Get("byteLength"), "source.byteLength", 0);
  source.type = read_string(object.Get("type"), "source.type");
  source.shape = read_shape(object.Get("shape"), "source.shape");
  const Napi::Value rope_heads = object.Get("ropeHeads");
  if (!rope_heads.IsUndefined()) source.rope_heads = read_integer(rope_heads, "source.ropeHeads", 0, 1 << 20);
  const Napi::Value add = object.Get("add");
  if (!add.IsUndefined()) source.add = read_number(add, "source.add");
  const Napi::Value transposed = object.Get("transposed");
  if (!transposed.IsUndefined()) source.transposed = read_boolean(transposed, "source.transposed");
  return source;
}

std::vector<TensorSource> read_tensor_sources(const Napi::Value& value) {
  const Napi::Array array = read_array(value, "sources");
  std::vector<TensorSource> sources;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    sources.push_back(read_tensor_source(read_object(array.Get(i), "sources[" + std::to_string(i) + "]")));
  }
  return sources;
}

void init_files(Napi::Env env, Napi::Object exports) {
  exports.Set("tensorsLoad", Napi::Function::New<guarded<tensors_load>>(env, "tensorsLoad"));
  exports.Set("tensorsSave", Napi::Function::New<guarded<tensors_save>>(env, "tensorsSave"));
  exports.Set("tensorWriteRows", Napi::Function::New<guarded<tensor_write_rows>>(env, "tensorWriteRows"));
}

}  // namespace hyperfit::binding
