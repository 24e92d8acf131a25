/* SPDX-License-Identifier: MIT */
/* To be preloaded: the FAIL_AT'th allocation of a process fails, and with FAIL_ALL in the
 * environment all from there on. */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static long fail_at;
static int fail_all;
static atomic_long count;

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("FAIL_AT");
	fail_all = getenv("FAIL_ALL") != NULL;
	count = 0;
	fail_at = at ? atol(at) : 0;
}

static int fails(void)
{
	if (fail_at == 0)
		return 0;
	long number = atomic_fetch_add(&count, 1) + 1;
	if (number != fail_at && !(fail_all && number > fail_at))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	return fails() ? NULL : __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}
