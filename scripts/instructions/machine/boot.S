// The disk's first sector: reads start.S and system.c from the sectors behind it, maps the first 4 GB to themselves, goes to 64 bits.
  .code16
  .globl _start
_start:
  cli
  ljmp $0, $1f
1:
  xor %ax, %ax
  mov %ax, %ds
  mov %ax, %ss
  mov $0x7c00, %sp
  mov $packet, %si
  mov $0x42, %ah
  int $0x13
  jc stop
  in $0x92, %al              // address line 20
  or $2, %al
  out %al, $0x92

  mov $0x7000, %ax           // six pages from 0x70000 on: one, one, and four of 512 entries of 2 MB each
  mov %ax, %es
  xor %di, %di
  xor %eax, %eax
  mov $0x1800, %ecx
  rep stosl
  movl $0x71007, %es:0
  movl $0x72007, %es:0x1000
  movl $0x73007, %es:0x1008
  movl $0x74007, %es:0x1010
  movl $0x75007, %es:0x1018
  mov $0x2000, %di
  mov $0x87, %eax
  mov $2048, %cx
2:
  mov %eax, %es:(%di)
  add $0x200000, %eax
  add $8, %di
  loop 2b

  lgdt table
  mov $0x40620, %eax         // PAE, OSFXSR, OSXMMEXCPT, OSXSAVE
  mov %eax, %cr4
  mov $0x70000, %eax
  mov %eax, %cr3
  mov $0xc0000080, %ecx      // EFER: long mode, SYSCALL
  rdmsr
  or $0x101, %eax
  wrmsr
  mov $0x80000023, %eax      // paging, numeric errors, monitor, protection
  mov %eax, %cr0
  ljmpl $8, $0x8000
stop:
  hlt
  jmp stop

  .align 8
packet:
  .byte 16, 0
  .word 64, 0, 0x800         // 32 KB to 0x8000
  .quad 1
segments:
  .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
table:
  .word 23
  .long segments
  .org 510
  .word 0xaa55
