/* SPDX-License-Identifier: MIT */
/* Functions of C that keep memory, for keeping.py to call; some call back. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define APART __attribute__((noinline, noclone))

/* A call that comes last would take the place of its caller on the stack. */
#define AND_BACK __asm__ volatile("" ::: "memory")

/* So that compilers do not leave out what nobody reads. */
void *volatile last;

size_t kept_blocks, kept_chunks, kept_mapped, kept_hidden;

APART void keep_blocks(size_t size)
{
	last = memset(malloc(size), 1, size);
	kept_blocks += size;
}

APART void keep_chunks(size_t size)
{
	last = memset(malloc(size), 1, size);
	kept_chunks += size;
}

APART void keep_mapped(size_t size)
{
	last = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(last, 1, size);
	kept_mapped += size;
}

/* Without a name where symbols are stripped. */
APART static void keep_hidden(size_t size)
{
	last = memset(malloc(size), 1, size);
	kept_hidden += size;
}

APART void pass_on(void (*what)(size_t), size_t size)
{
	what(size);
	AND_BACK;
}

APART void grow_blocks(size_t size)
{
	pass_on(keep_blocks, size);
	AND_BACK;
}

APART void grow_chunks(size_t size)
{
	pass_on(keep_chunks, size);
	AND_BACK;
}

APART void grow_mapped(size_t size)
{
	pass_on(keep_mapped, size);
	AND_BACK;
}

APART void grow_hidden(size_t size)
{
	pass_on(keep_hidden, size);
	AND_BACK;
}

APART void call_back(void (*what)(size_t), size_t size)
{
	what(size);
	AND_BACK;
}
