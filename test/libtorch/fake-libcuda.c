// A stand-in for NVIDIA's libcuda.so.1: HYPERFIT_TEST_DRIVER says which driver it plays.
// Functions and error codes are those of the CUDA driver API.
#include <stdlib.h>
#include <string.h>

enum { OK = 0, OUT_OF_MEMORY = 2, NO_DEVICE = 100, DRIVER_MISMATCH = 803 };

static int plays(const char* name) {
  const char* role = getenv("HYPERFIT_TEST_DRIVER");
  return role != NULL && strcmp(role, name) == 0;
}

int cuDriverGetVersion(int* version) {
  *version = plays("old") ? 12040 : 13000;
  return OK;
}

int cuInit(unsigned flags) {
  const char* visible = getenv("CUDA_VISIBLE_DEVICES");
  (void)flags;
  if (plays("mismatch")) return DRIVER_MISMATCH;
  if (plays("none") || (visible != NULL && *visible == 0)) return NO_DEVICE;
  return OK;
}

int cuGetErrorName(int code, const char** name) {
  *name = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : code == NO_DEVICE ? "CUDA_ERROR_NO_DEVICE" : "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH";
  return OK;
}

int cuDeviceGetCount(int* count) {
  *count = plays("empty") ? 0 : 2;
  return OK;
}

int cuDeviceGet(int* device, int index) {
  *device = index;
  return OK;
}

int cuDeviceGetName(char* name, int length, int device) {
  strncpy(name, device == 0 ? "NVIDIA H200" : "NVIDIA GeForce GTX 1080", length);
  return OK;
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == 75 ? (device == 0 ? 9 : 6) : (device == 0 ? 0 : 1);
  return OK;
}

int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  *bytes = (size_t)(device == 0 ? 140 : 8) << 30;
  return OK;
}

static int current = -1;
static int retained[2];

int cuDevicePrimaryCtxRetain(void** context, int device) {
  if (device == 1 && plays("busy")) return OUT_OF_MEMORY;
  retained[device]++;
  *context = (void*)(size_t)(device + 1);
  return OK;
}

int cuCtxPushCurrent_v2(void* context) {
  current = (int)(size_t)context - 1;
  return OK;
}

int cuMemGetInfo_v2(size_t* free, size_t* total) {
  if (current < 0) return NO_DEVICE;
  *total = (size_t)(current == 0 ? 140 : 8) << 30;
  *free = *total / 2;
  return OK;
}

int cuCtxPopCurrent_v2(void** context) {
  (void)context;
  current = -1;
  return OK;
}

// Whoever releases what it does not hold, or while it is current, gets what no test expects.
int cuDevicePrimaryCtxRelease_v2(int device) {
  return --retained[device] < 0 || current >= 0 ? DRIVER_MISMATCH : OK;
}
