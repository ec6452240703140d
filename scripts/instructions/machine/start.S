// Begins the system, and enters it again from SYSCALL and exceptions.
  .section .head, "ax"
  .globl _start
_start:
  mov $16, %ax
  mov %ax, %ds
  mov %ax, %es
  mov %ax, %ss
  mov $0x6f000, %rsp
  xor %ecx, %ecx
  xor %edx, %edx
  mov $0x602e7, %eax         // what is saved of registers: x87, SSE, AVX, AVX-512, keys, tiles
  xsetbv
  call run_program

  .text
  .globl enter_program       // rdi: where; rsi: stack
enter_program:
  mov %rsi, %rsp
  xor %edx, %edx
  jmp *%rdi

  .globl on_syscall
on_syscall:
  mov %rsp, program_stack
  mov $0x6f000, %rsp
  push %rcx
  push %r11
  push %rdi
  push %rsi
  push %rdx
  push %r10
  push %r8
  push %r9
  mov %r10, %r8
  mov %rdx, %rcx
  mov %rsi, %rdx
  mov %rdi, %rsi
  mov %rax, %rdi
  call answer
  pop %r9
  pop %r8
  pop %r10
  pop %rdx
  pop %rsi
  pop %rdi
  pop %r11
  pop %rcx
  push %r11
  popfq
  mov program_stack, %rsp
  jmp *%rcx

  .macro exception number, has_code
exception\number:
  .if \has_code == 0
  push $0
  .endif
  push $\number
  jmp on_exception
  .endm
  .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 19, 20
  exception \number 0
  .endr
  .irp number, 8, 10, 11, 12, 13, 14, 17, 21
  exception \number 1
  .endr
on_exception:
  pop %rdi
  pop %rsi
  pop %rdx
  mov $0x6f000, %rsp
  call report_exception

  .data
  .globl exceptions
exceptions:
  .quad exception0, exception1, exception2, exception3, exception4, exception5, exception6, exception7, exception8, exception9, exception10
  .quad exception11, exception12, exception13, exception14, exception15, exception16, exception17, exception18, exception19, exception20
  .quad exception21
program_stack:
  .quad 0
  .section .note.GNU-stack, "", @progbits
