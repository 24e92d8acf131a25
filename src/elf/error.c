/* SPDX-License-Identifier: MIT */
#include "elf/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <elfutils/libdw.h>
#include <libelf.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

/* A NULL reason: the library failed and keeps silent about it, which libdw does
 * where a file merely lacks something. */
HEAPSPY_PRINTF(3, 0)
static struct heapspy_error *from_reason(enum heapspy_code code, const char *reason,
					 const char *what, va_list arguments)
{
	CLEANUP(freep) char *text = text_format(what, arguments);
	if (!text)
		return error_no_memory();
	struct heapspy_error *error = error_new(code, "%s", text);
	return reason ? error_why(error, "%s", reason) : error;
}

struct heapspy_error *error_from_libelf(enum heapspy_code code, const char *what, ...)
{
	int number = elf_errno();
	va_list arguments;
	va_start(arguments, what);
	struct heapspy_error *error =
	    from_reason(code, number ? elf_errmsg(number) : NULL, what, arguments);
	va_end(arguments);
	return error;
}

struct heapspy_error *error_from_libdw(enum heapspy_code code, const char *what, ...)
{
	int number = dwarf_errno();
	va_list arguments;
	va_start(arguments, what);
	struct heapspy_error *error =
	    from_reason(code, number ? dwarf_errmsg(number) : NULL, what, arguments);
	va_end(arguments);
	return error;
}
