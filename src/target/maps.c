/* SPDX-License-Identifier: MIT */
#include "target/maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/bisect.h"
#include "base/cleanup.h"
#include "target/maps_parse.h"

void maps_fini(struct maps *maps)
{
	free(maps->items);
	free(maps->names);
	*maps = (struct maps){0};
}

const struct mapping *maps_after(const struct maps *maps, uint64_t address)
{
	size_t low = BISECT(maps->count, at, maps->items[at].end <= address);
	return low == maps->count ? NULL : &maps->items[low];
}

const struct mapping *maps_find(const struct maps *maps, uint64_t address)
{
	const struct mapping *mapping = maps_after(maps, address);
	return mapping && mapping->start <= address ? mapping : NULL;
}

/* A number and the separator after it; false where either is not there. */
static bool take_number(char **cursor, unsigned base, char separator, uint64_t *ret_value)
{
	uint64_t value = 0;
	char *at = *cursor;
	for (;; at++) {
		unsigned digit;
		if (*at >= '0' && *at <= '9')
			digit = *at - '0';
		else if (*at >= 'a' && *at <= 'f')
			digit = *at - 'a' + 10;
		else
			break;
		if (digit >= base || value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	if (at == *cursor || *at != separator)
		return false;
	*cursor = at + (separator != '\0');
	*ret_value = value;
	return true;
}

static bool take_flags(char **cursor, unsigned *ret_flags)
{
	static const struct {
		char letter;
		unsigned flag;
	} places[] = {
		{'r', MAPPING_READ}, {'w', MAPPING_WRITE}, {'x', MAPPING_EXEC}, {'s', MAPPING_SHARED},
	};
	unsigned flags = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char letter = (*cursor)[i];
		if (letter == '\0')
			return false;
		if (letter == places[i].letter)
			flags |= places[i].flag;
	}
	if ((*cursor)[4] != ' ')
		return false;
	*cursor += 5;
	*ret_flags = flags;
	return true;
}

/* The end of the inode is a blank before a path, and also where there is none. */
static bool take_inode(char **cursor, uint64_t *ret_inode)
{
	char *digits = *cursor;
	size_t length = strspn(digits, "0123456789");
	bool more = digits[length] == ' ';
	if (!take_number(&digits, 10, more ? ' ' : '\0', ret_inode))
		return false;
	*cursor = digits;
	return true;
}

static bool parse_line(char *line, struct mapping *ret_mapping)
{
	struct mapping mapping;
	uint64_t device_major, device_minor, inode;
	if (!take_number(&line, 16, '-', &mapping.start) || !take_number(&line, 16, ' ', &mapping.end) ||
	    !take_flags(&line, &mapping.flags) || !take_number(&line, 16, ' ', &mapping.offset) ||
	    !take_number(&line, 16, ':', &device_major) || !take_number(&line, 16, ' ', &device_minor) ||
	    !take_inode(&line, &inode))
		return false;
	if (mapping.start >= mapping.end)
		return false;
	mapping.device = makedev(device_major, device_minor);
	mapping.inode = inode;
	mapping.path = line + strspn(line, " ");
	*ret_mapping = mapping;
	return true;
}

static size_t count_lines(const char *text, size_t length)
{
	size_t lines = 0;
	const char *end = text + length;
	while ((text = memchr(text, '\n', end - text))) {
		lines++;
		text++;
	}
	return lines + 1;
}

int maps_parse(char *text, size_t length, struct maps *ret_maps)
{
	CLEANUP(freep) char *names = text;
	struct mapping *items = calloc(count_lines(text, length), sizeof(*items));
	if (!items)
		return ENOMEM;

	size_t count = 0;
	uint64_t last = 0;
	char *end = text + length;
	for (char *line = text; line < end;) {
		char *newline = memchr(line, '\n', end - line);
		char *next = newline ? newline + 1 : end;
		if (newline)
			*newline = '\0';
		/* Nothing the kernel promises to hold true (no overlap, ascending: proc(5))
		 * is taken on trust: maps_find() would go astray. */
		if (parse_line(line, &items[count]) && items[count].start >= last)
			last = items[count++].end;
		line = next;
	}
	*ret_maps = (struct maps){.items = items, .count = count, .names = take_pointer(names)};
	return 0;
}
