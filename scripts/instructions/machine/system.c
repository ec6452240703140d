// What a static program needs of a system: loaded from the disk, its few system calls answered, its output sent to the serial port.
// Everything runs in ring 0 on one thread without interrupts.
#include <stdint.h>

enum { kProgramSector = 129, kRegisters = 0x602e7, kTileData = 18 };
enum { kHeap = 0x10000000, kHeapEnd = 0x14000000, kMapsEnd = 0x3f000000, kFile = 0x08000000, kStack = 0x0ffff000 };
enum { kNoEntry = -2, kBadFile = -9, kNoMemory = -12, kInvalid = -22, kNoTerminal = -25, kNoCall = -38 };

static void out(uint16_t port, uint8_t value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static uint8_t in(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static void write_register(uint32_t number, uint64_t value) {
  asm volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}
static void copy(uint64_t to, uint64_t from, uint64_t bytes) { asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory"); }
static void clear(uint64_t at, uint64_t bytes) { asm volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(0) : "memory"); }

static void open_serial_port(void) {
  out(0x3fb, 0x83);
  out(0x3f8, 1);
  out(0x3f9, 0);
  out(0x3fb, 3);
}
static void put(char c) {
  while ((in(0x3fd) & 0x20) == 0) {
  }
  out(0x3f8, (uint8_t)c);
}
static void say(const char* text) {
  for (; *text; ++text) put(*text);
}
static void say_number(uint64_t number) {
  if (number >> 4) say_number(number >> 4);
  put("0123456789abcdef"[number & 15]);
}

// The serial port is slower than the emulator's end.
static void shut_down(void) {
  say("\n                \n");
  for (const char* c = "Shutdown"; *c; ++c) out(0x8900, (uint8_t)*c);
  for (;;) asm volatile("cli; hlt");
}

void report_exception(uint64_t number, uint64_t code, uint64_t at) {
  uint64_t address;
  asm("mov %%cr2, %0" : "=r"(address));
  say("\nexception ");
  say_number(number);
  say(", code ");
  say_number(code);
  say(", at ");
  say_number(at);
  say(", address ");
  say_number(address);
  shut_down();
}

// By programmed input from the first disk.
static void read_sector(uint32_t sector, uint64_t to) {
  out(0x1f6, 0xe0 | (sector >> 24 & 15));
  out(0x1f2, 1);
  out(0x1f3, (uint8_t)sector);
  out(0x1f4, (uint8_t)(sector >> 8));
  out(0x1f5, (uint8_t)(sector >> 16));
  out(0x1f7, 0x20);
  while ((in(0x1f7) & 0x88) != 8) {
  }
  uint32_t words = 256;
  asm volatile("rep insw" : "+D"(to), "+c"(words) : "d"((uint16_t)0x1f0) : "memory");
}

static uint64_t heap_end = kHeap, maps_end = kHeapEnd;

static int64_t map_memory(uint64_t bytes) {
  const uint64_t at = maps_end, size = (bytes + 4095) & ~4095ull;
  if (at + size > kMapsEnd) return kNoMemory;
  maps_end += size;
  clear(at, size);
  return (int64_t)at;
}

static int64_t move_heap_end(uint64_t end) {
  if (end < kHeap || end > kHeapEnd) return (int64_t)heap_end;
  if (end > heap_end) clear(heap_end, end - heap_end);
  heap_end = end;
  return (int64_t)end;
}

// Tiles are the program's as soon as it asks: there is no system that would have to save them.
static int64_t processor_setting(uint64_t code, uint64_t value) {
  switch (code) {
    case 0x1002: write_register(0xc0000100, value); return 0;             // the thread's memory
    case 0x1022: *(uint64_t*)value = kRegisters; return 0;                // permitted registers
    case 0x1023: return value == kTileData ? 0 : kInvalid;                // asked for
    default: return kInvalid;
  }
}

int64_t answer(uint64_t call, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  switch (call) {
    case 1:                                                               // write
      for (uint64_t i = 0; i < c; ++i) put(((const char*)b)[i]);
      return (int64_t)c;
    case 9: return (d & 0x20) != 0 ? map_memory(b) : kNoMemory;           // mmap, of no file
    case 12: return move_heap_end(a);
    case 158: return processor_setting(a, b);
    case 10: case 11: case 13: case 14: case 28: case 202: case 273: return 0;  // protection, signals, locks: nothing to do
    case 39: case 186: case 218: return 1;                                // process and thread
    case 302:                                                             // limits: a stack of 8 MB
      if (d != 0) ((uint64_t*)d)[0] = ((uint64_t*)d)[1] = 8 << 20;
      return 0;
    case 318:                                                             // "random"
      for (uint64_t i = 0; i < b; ++i) ((uint8_t*)a)[i] = (uint8_t)(17 * i + 3);
      return (int64_t)b;
    case 5: return kBadFile;
    case 16: return kNoTerminal;
    case 21: case 89: case 257: case 262: case 267: return kNoEntry;      // files: there are none
    case 60: case 231:
      say("exit ");
      say_number(a);
      shut_down();
    default: return kNoCall;
  }
}

extern const uint64_t exceptions[22];
extern void on_syscall(void);
extern void enter_program(uint64_t entry, const uint64_t* stack);

static struct {
  uint16_t low, segment;
  uint8_t stack, kind;
  uint16_t middle;
  uint32_t high, none;
} gates[32] __attribute__((aligned(16)));

static void set_gates(void) {
  const struct __attribute__((packed)) {
    uint16_t limit;
    uint64_t at;
  } table = {sizeof gates - 1, (uint64_t)gates};
  for (int i = 0; i < 22; ++i) {
    gates[i].low = (uint16_t)exceptions[i];
    gates[i].segment = 8;
    gates[i].kind = 0x8e;
    gates[i].middle = (uint16_t)(exceptions[i] >> 16);
  }
  asm volatile("lidt %0" : : "m"(table));
  write_register(0xc0000081, 8ull << 32);
  write_register(0xc0000082, (uint64_t)on_syscall);
  write_register(0xc0000084, 0x700);
}

struct Elf {
  uint8_t identity[24];
  uint64_t entry, segments, sections;
  uint32_t flags;
  uint16_t header_size, segment_size, segment_count;
};
struct Segment {
  uint32_t kind, flags;
  uint64_t offset, at, physical, file_bytes, bytes, alignment;
};

// Gives where the table of segments came to stand.
static uint64_t load(const struct Elf* elf) {
  uint64_t table = 0;
  for (uint16_t i = 0; i < elf->segment_count; ++i) {
    const struct Segment* s = (const struct Segment*)((uint64_t)elf + elf->segments) + i;
    if (s->kind != 1) continue;
    copy(s->at, (uint64_t)elf + s->offset, s->file_bytes);
    clear(s->at + s->file_bytes, s->bytes - s->file_bytes);
    if (s->offset <= elf->segments && elf->segments < s->offset + s->file_bytes) table = s->at + elf->segments - s->offset;
  }
  return table;
}

// The sector before the program says how many sectors it has.
void run_program(void) {
  set_gates();
  open_serial_port();
  read_sector(kProgramSector - 1, kFile);
  const uint32_t sectors = *(const uint32_t*)kFile;
  for (uint32_t i = 0; i < sectors; ++i) read_sector(kProgramSector + i, kFile + 512ull * i);
  const struct Elf* elf = (const struct Elf*)kFile;
  static const uint8_t random[16] = {1, 5, 9, 3};
  const uint64_t table = load(elf);
  // One argument, no environment; what the C library is told of the program.
  const uint64_t first[] = {1, (uint64_t) "check", 0, 0, 3, table, 4, sizeof(struct Segment), 5, elf->segment_count,
                            6, 4096, 9, elf->entry, 25, (uint64_t)random, 0, 0};
  uint64_t* stack = (uint64_t*)kStack - 64;
  copy((uint64_t)stack, (uint64_t)first, sizeof first);
  enter_program(elf->entry, stack);
}
