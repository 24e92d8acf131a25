/* SPDX-License-Identifier: MIT */
#include "output/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void format_count(char text[FORMAT_SIZE], uint64_t count)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *to = text;
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = 0;
}

void format_signed(char text[FORMAT_SIZE], int64_t number)
{
	if (number < 0)
		*text++ = '-';
	format_count(text, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

void format_bytes(char text[FORMAT_SIZE], uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double scaled = (double)bytes;
	size_t unit = 0;
	/* What would be printed as 1024.0 belongs to the next unit. */
	while (scaled >= (unit ? 1023.95 : 1024) && units[unit + 1]) {
		scaled /= 1024;
		unit++;
	}
	snprintf(text, FORMAT_SIZE, unit ? "%.1f%c" : "%.0f%c", scaled, units[unit]);
}

/* The sign, and what is behind it. */
static uint64_t put_sign(char **text, int64_t change)
{
	if (change != 0)
		*(*text)++ = change < 0 ? '-' : '+';
	return change < 0 ? -(uint64_t)change : (uint64_t)change;
}

void format_change(char text[FORMAT_SIZE], int64_t change)
{
	uint64_t size = put_sign(&text, change);
	format_count(text, size);
}

void format_bytes_change(char text[FORMAT_SIZE], int64_t change)
{
	char size[FORMAT_SIZE];
	format_bytes(size, put_sign(&text, change));
	strcpy(text, size);
}

void format_seconds(char text[FORMAT_SIZE], double seconds)
{
	double magnitude = seconds < 0 ? -seconds : seconds;
	if (magnitude == 0) {
		snprintf(text, FORMAT_SIZE, "0 s");
	} else if (magnitude < 0.9995e-3) {
		snprintf(text, FORMAT_SIZE, "%.0f us", seconds * 1e6);
	} else if (magnitude < 0.9995) {
		snprintf(text, FORMAT_SIZE, magnitude < 9.95e-3 ? "%.1f ms" : "%.0f ms",
			 seconds * 1e3);
	} else if (magnitude < 59.95) {
		snprintf(text, FORMAT_SIZE, "%.1f s", seconds);
	} else {
		uint64_t whole = magnitude < 1e15 ? (uint64_t)magnitude : (uint64_t)1e15;
		unsigned second = whole % 60, minute = whole / 60 % 60, hour = whole / 3600 % 24;
		if (whole < 3600)
			snprintf(text, FORMAT_SIZE, "%um %02us", minute, second);
		else if (whole < 86400)
			snprintf(text, FORMAT_SIZE, "%uh %02um", hour, minute);
		else
			snprintf(text, FORMAT_SIZE, "%" PRIu64 "d %02uh", whole / 86400, hour);
	}
}

void format_ratio(char text[FORMAT_SIZE], double ratio)
{
	double percent = ratio * 100;
	if (ratio == 1)
		snprintf(text, FORMAT_SIZE, "100%%");
	else
		snprintf(text, FORMAT_SIZE, "%.1f%%", ratio < 1 && percent > 99.9 ? 99.9 : percent);
}

/* Splits into whole seconds and milliseconds, within what gmtime can express. */
static time_t split_time(double epoch, unsigned *ret_milliseconds)
{
	double bounded = epoch > 0 ? epoch + 0.0005 : 0;
	bounded = bounded < 253402300799.0 ? bounded : 253402300799.0;
	time_t seconds = (time_t)bounded;
	*ret_milliseconds = (unsigned)((bounded - (double)seconds) * 1000);
	return seconds;
}

void format_time(char text[FORMAT_SIZE], double epoch, bool with_date)
{
	unsigned milliseconds;
	time_t seconds = split_time(epoch, &milliseconds);
	struct tm parts = {0};
	localtime_r(&seconds, &parts);
	size_t length = strftime(text, FORMAT_SIZE, with_date ? "%F %T" : "%T", &parts);
	snprintf(text + length, FORMAT_SIZE - length, ".%03u", milliseconds);
}

void format_timestamp(char text[FORMAT_SIZE], double epoch)
{
	unsigned milliseconds;
	time_t seconds = split_time(epoch, &milliseconds);
	struct tm parts = {0};
	gmtime_r(&seconds, &parts);
	size_t length = strftime(text, FORMAT_SIZE, "%FT%T", &parts);
	snprintf(text + length, FORMAT_SIZE - length, ".%03uZ", milliseconds);
}
