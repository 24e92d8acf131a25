/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include <heapspy/memory.h>

const char *text_count(char text[TEXT_SIZE], uint64_t count)
{
	char digits[24];
	if (count == HEAPSPY_UNKNOWN)
		return strcpy(text, "-");
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *to = text;
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = 0;
	return text;
}

const char *text_short_count(char text[TEXT_SIZE], uint64_t count)
{
	static const char units[] = " KMGTPE";
	if (count < 10000 || count == HEAPSPY_UNKNOWN)
		return text_count(text, count);
	double scaled = (double)count;
	unsigned unit = 0;
	while (scaled >= 999.5 && units[unit + 1]) {
		scaled /= 1000;
		unit++;
	}
	snprintf(text, TEXT_SIZE, "%.*f%c",
		 scaled < 9.995	  ? 2
		 : scaled < 99.95 ? 1
				  : 0,
		 scaled, units[unit]);
	return text;
}

const char *text_change(char text[TEXT_SIZE], double change)
{
	double magnitude = round(fabs(change));
	if (!(magnitude >= 1))
		return strcpy(text, "0");
	char digits[TEXT_SIZE];
	text_count(digits, magnitude < 1e15 ? (uint64_t)magnitude : (uint64_t)1e15);
	snprintf(text, TEXT_SIZE, "%c%.28s", change < 0 ? '-' : '+', digits);
	return text;
}

/* Two or three digits are enough of what is large. */
static const char *put_bytes(char text[TEXT_SIZE], double bytes, const char *sign, bool precise)
{
	static const char units[] = "BKMGTPE";
	unsigned unit = 0;
	while (bytes >= (unit ? 1023.95 : 1024) && units[unit + 1]) {
		bytes /= 1024;
		unit++;
	}
	bool whole = unit == 0 || (!precise && (unit == 1 || bytes >= 99.95));
	snprintf(text, TEXT_SIZE, "%s%.*f%c", sign, whole ? 0 : 1, bytes, units[unit]);
	return text;
}

const char *text_bytes(char text[TEXT_SIZE], uint64_t bytes)
{
	if (bytes == HEAPSPY_UNKNOWN)
		return strcpy(text, "-");
	return put_bytes(text, (double)bytes, "", true);
}

const char *text_bytes_change(char text[TEXT_SIZE], double change)
{
	if (!(fabs(change) >= 0.5))
		return strcpy(text, "0");
	return put_bytes(text, fabs(change), change < 0 ? "-" : "+", false);
}

const char *text_seconds(char text[TEXT_SIZE], double seconds)
{
	if (!(seconds >= 0))
		return strcpy(text, "-");
	if (seconds < 0.9995)
		snprintf(text, TEXT_SIZE, "%.0fms", ceil(seconds * 1000));
	else if (seconds < 9.95 && fabs(seconds - round(seconds)) > 0.05)
		snprintf(text, TEXT_SIZE, "%.1fs", seconds);
	else if (seconds < 59.5)
		snprintf(text, TEXT_SIZE, "%.0fs", seconds);
	else {
		unsigned long whole =
		    seconds < 1e12 ? (unsigned long)(seconds + 0.5) : 1000000000000ul;
		if (whole < 3600)
			snprintf(text, TEXT_SIZE, "%lum%02lus", whole / 60, whole % 60);
		else if (whole < 86400)
			snprintf(text, TEXT_SIZE, "%luh%02lum", whole / 3600, whole / 60 % 60);
		else
			snprintf(text, TEXT_SIZE, "%lud%02luh", whole / 86400, whole / 3600 % 24);
	}
	return text;
}

const char *text_pause(char text[TEXT_SIZE], double seconds)
{
	if (!(seconds >= 0))
		snprintf(text, TEXT_SIZE, "-");
	else if (seconds < 0.9995e-3)
		snprintf(text, TEXT_SIZE, "%.0fus", seconds * 1e6);
	else if (seconds < 9.995e-3)
		snprintf(text, TEXT_SIZE, "%.2fms", seconds * 1e3);
	else
		text_seconds(text, seconds);
	return text;
}

const char *text_clock(char text[TEXT_SIZE], double epoch)
{
	time_t seconds = epoch > 0 && epoch < 253402300799.0 ? (time_t)epoch : 0;
	struct tm parts = {0};
	localtime_r(&seconds, &parts);
	strftime(text, TEXT_SIZE, "%T", &parts);
	return text;
}

void text_words(char *text, size_t size, char *const *words)
{
	size_t length = 0;
	text[0] = 0;
	for (; words && *words && length + 1 < size; words++)
		length += (size_t)snprintf(text + length, size - length, "%s%s", length ? " " : "",
					   *words);
}

/* ---- UTF-8 ----------------------------------------------------------------------- */

uint32_t text_next(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	if (!*at)
		return 0;
	unsigned more = *at < 0x80 ? 0 : *at >= 0xf0 && *at < 0xf5 ? 3 : *at >= 0xe0 ? 2 : 1;
	uint32_t point = more ? *at & (0x3f >> more) : *at;
	bool valid = *at < 0x80 || (*at >= 0xc2 && *at < 0xf5);
	for (unsigned i = 1; i <= more && valid; i++) {
		valid = (at[i] & 0xc0) == 0x80;
		point = point << 6 | (at[i] & 0x3f);
	}
	*text += valid ? more + 1 : 1;
	return valid ? point : 0xfffd;
}

unsigned text_point_columns(uint32_t point)
{
	if (point < 0x20 || (point >= 0x7f && point < 0xa0))
		return 0;
	int columns = point < 0x7f ? 1 : wcwidth((wchar_t)point);
	return columns > 0 ? (unsigned)columns : 0;
}

unsigned text_columns(const char *text)
{
	unsigned columns = 0;
	for (uint32_t point; (point = text_next(&text));)
		columns += text_point_columns(point);
	return columns;
}

int text_matches(const char *text, const char *pattern)
{
	if (*pattern == '!' && pattern[1])
		return !text_matches(text, pattern + 1);
	if (*pattern != '~')
		return strcasestr(text, pattern) != NULL || strcmp(pattern, "!") == 0;
	regex_t regex;
	/* One that is not finished yet hides nothing. */
	if (regcomp(&regex, pattern + 1, REG_EXTENDED | REG_NOSUB))
		return 1;
	int found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}
