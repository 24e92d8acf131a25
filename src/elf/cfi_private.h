/* SPDX-License-Identifier: MIT */
/* What the files of cfi.h share. */
#ifndef ELF_CFI_PRIVATE_H
#define ELF_CFI_PRIVATE_H

#include "elf/cfi.h"

enum cfi_rule_kind {
	CFI_LOST, /* undefined */
	CFI_SAME,
	CFI_SAVED_AT, /* in memory at the CFA plus `number` */
	CFI_IS,       /* the CFA plus `number` */
	CFI_IN,       /* in another register, plus `number` */
	CFI_SAVED_AT_RESULT, /* of the expression */
	CFI_IS_RESULT,
};

/* An operation of DWARF 5, 2.5. */
struct cfi_operation {
	uint8_t code;
	uint64_t number, number2;
	uint64_t offset; /* that branches name it by */
};

enum { CFI_MOST_OPERATIONS = 64 };

struct cfi_rule {
	uint8_t kind;
	uint8_t in;           /* register */
	uint8_t length;       /* operations of the expression */
	int64_t number;       /* or where it begins in cfi_row.operations */
};

/* All rules of one address. */
struct cfi_row {
	uint64_t address; /* of the file */
	bool found;
	bool is_signal;
	struct cfi_rule cfa;
	struct cfi_rule rules[REGISTER_COUNT];
	struct cfi_operation *operations; /* NULL: there is no expression */
};

/* Does what a row says. */
enum cfi_result cfi_apply(const struct cfi_row *row, struct registers *registers, cfi_reader *read,
			  void *context);

#endif
