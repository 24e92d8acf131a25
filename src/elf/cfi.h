/* SPDX-License-Identifier: MIT */
/*
 * Call frame information: from the registers of a function to those of its caller.
 *
 * It is what exceptions are thrown by (.eh_frame), so that stripped programs have it
 * too; what libdw makes of it for an address is remembered in a compact form. Nothing
 * is read from a process here but through the reader that is handed in.
 */
#ifndef ELF_CFI_H
#define ELF_CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "elf/module.h"
#include "target/registers.h"

struct cfi;

/* NULL where the module has none, or there is no memory. The module must outlive it. */
struct cfi *cfi_new(struct elf_module *module);
void cfi_free(struct cfi *cfi);
DEFINE_CLEANUP(struct cfi *, cfi_free)

/* A word of the stack, or of other memory of the process. False: it cannot be had. */
typedef bool cfi_reader(void *context, uint64_t address, uint64_t *ret_word);

enum cfi_result {
	CFI_CALLER,     /* registers are those of the caller, right after its call */
	CFI_OUTERMOST,  /* there is none */
	CFI_NONE,       /* nothing is known of the code at this address */
	CFI_UNKNOWN,    /* a register would be needed that is not known */
	CFI_UNREADABLE, /* a word could not be read, or what is known makes no sense */
};

/* `address` in the target is of the instruction that is being executed: the program
 * counter, or a byte before it where that is a return address. *ret_is_signal: what was
 * called by nobody but interrupted by a signal is found above this frame, so that its
 * program counter is one. `registers` change only with CFI_CALLER. */
enum cfi_result cfi_step(struct cfi *cfi, uint64_t address, struct registers *registers,
			 cfi_reader *read, void *context, bool *ret_is_signal);

#endif
