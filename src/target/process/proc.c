/* SPDX-License-Identifier: MIT */
#include "target/process/proc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/text.h"

enum {
	MOST_TEXT = 1 << 16,
	MOST_COMMAND = 1 << 20, /* one argument alone may be 128 KiB, all of them 6 MiB */
};

/* ---- stat -------------------------------------------------------------- */

bool proc_parse_stat(const char *text, size_t length, struct proc_stat *ret_stat)
{
	const char *name_end = memrchr(text, ')', length);
	if (!name_end)
		return false;
	struct proc_stat stat;
	/* Fields 3 to 24 of proc(5). */
	if (sscanf(name_end + 1,
		   " %c %d %*s %*s %*s %*s %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
		   " %" SCNu64 " %*s %" SCNu64,
		   &stat.state, &stat.ppid, &stat.flags, &stat.start_time, &stat.rss) != 5)
		return false;
	stat.rss *= sysconf(_SC_PAGESIZE);
	*ret_stat = stat;
	return true;
}

bool proc_read_stat(int proc, const char *name, struct proc_stat *ret_stat)
{
	size_t length;
	CLEANUP(freep) char *text = io_read_file(proc, name, MOST_TEXT, &length);
	return text && proc_parse_stat(text, length, ret_stat);
}

/* ---- files of "Name: value" lines -------------------------------------- */

struct number_field {
	const char *name;
	size_t offset;
	int base;
	unsigned scale;
};

/* Finds each field at the start of a line. A program's name cannot fake one: the
 * kernel escapes newlines in it. */
static void parse_numbers(const char *text, const struct number_field *fields, size_t count,
			  void *ret_struct)
{
	for (const char *line = text; *line;) {
		const char *colon = strchr(line, ':');
		const char *end = strchrnul(line, '\n');
		for (size_t i = 0; colon && colon < end && i < count; i++) {
			size_t length = strlen(fields[i].name);
			if ((size_t)(colon - line) != length || memcmp(line, fields[i].name, length) != 0)
				continue;
			uint64_t value = strtoull(colon + 1, NULL, fields[i].base) * fields[i].scale;
			memcpy((char *)ret_struct + fields[i].offset, &value, sizeof(value));
		}
		line = *end ? end + 1 : end;
	}
}

static const char *line_of(const char *text, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = text; *line;) {
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1;
		const char *end = strchrnul(line, '\n');
		line = *end ? end + 1 : end;
	}
	return NULL;
}

static bool parse_ids(const char *line, unsigned ids[4])
{
	return line && sscanf(line, "%u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) == 4;
}

bool proc_parse_status(const char *text, struct proc_status *ret_status)
{
	struct {
		uint64_t tgid, pid, tracer;
		uint64_t vm_size, vm_hwm, vm_rss, vm_swap, vm_pte;
		uint64_t cap_permitted, cap_effective, no_new_privs, seccomp;
	} numbers;
#define NUMBER(label, member, base, scale) {label, offsetof(__typeof__(numbers), member), base, scale}
	static const struct number_field fields[] = {
		NUMBER("Tgid", tgid, 10, 1),
		NUMBER("Pid", pid, 10, 1),
		NUMBER("TracerPid", tracer, 10, 1),
		NUMBER("VmSize", vm_size, 10, 1024),
		NUMBER("VmHWM", vm_hwm, 10, 1024),
		NUMBER("VmRSS", vm_rss, 10, 1024),
		NUMBER("VmSwap", vm_swap, 10, 1024),
		NUMBER("VmPTE", vm_pte, 10, 1024),
		NUMBER("CapPrm", cap_permitted, 16, 1),
		NUMBER("CapEff", cap_effective, 16, 1),
		NUMBER("NoNewPrivs", no_new_privs, 10, 1),
		NUMBER("Seccomp", seccomp, 10, 1),
	};
#undef NUMBER
	memset(&numbers, 0xff, sizeof(numbers));
	numbers.cap_permitted = numbers.cap_effective = numbers.tracer = 0;
	parse_numbers(text, fields, sizeof(fields) / sizeof(*fields), &numbers);

	struct proc_status status = {
		.tgid = numbers.tgid,
		.pid = numbers.pid,
		.tracer = numbers.tracer,
		.vm_size = numbers.vm_size,
		.vm_hwm = numbers.vm_hwm,
		.vm_rss = numbers.vm_rss,
		.vm_swap = numbers.vm_swap,
		.vm_pte = numbers.vm_pte,
		.cap_permitted = numbers.cap_permitted,
		.cap_effective = numbers.cap_effective,
		.no_new_privs = numbers.no_new_privs,
		.seccomp = numbers.seccomp,
	};
	if (numbers.tgid == UINT64_MAX || !parse_ids(line_of(text, "Uid"), status.uid) ||
	    !parse_ids(line_of(text, "Gid"), status.gid))
		return false;
	*ret_status = status;
	return true;
}

bool proc_read_status(int proc, const char *name, struct proc_status *ret_status)
{
	CLEANUP(freep) char *text = io_read_file(proc, name, MOST_TEXT, NULL);
	return text && proc_parse_status(text, ret_status);
}

bool proc_parse_rollup(const char *text, struct proc_rollup *ret_rollup)
{
#define NUMBER(label, member) {label, offsetof(struct proc_rollup, member), 10, 1024}
	static const struct number_field fields[] = {
		NUMBER("Rss", rss),
		NUMBER("Pss", pss),
		NUMBER("Private_Clean", private_clean),
		NUMBER("Private_Dirty", private_dirty),
		NUMBER("Swap", swap),
	};
#undef NUMBER
	struct proc_rollup rollup;
	memset(&rollup, 0xff, sizeof(rollup));
	parse_numbers(text, fields, sizeof(fields) / sizeof(*fields), &rollup);
	if (rollup.rss == UINT64_MAX || rollup.private_clean == UINT64_MAX ||
	    rollup.private_dirty == UINT64_MAX)
		return false;
	*ret_rollup = rollup;
	return true;
}

bool proc_read_rollup(int proc, struct proc_rollup *ret_rollup)
{
	CLEANUP(freep) char *text = io_read_file(proc, "smaps_rollup", MOST_TEXT, NULL);
	return text && proc_parse_rollup(text, ret_rollup);
}

/* ---- command and executable -------------------------------------------- */

/* As much of cmdline as we show; what is longer is cut. */
static char *read_arguments(int proc, size_t *ret_length)
{
	CLEANUP(closep) int fd = openat(proc, "cmdline", O_RDONLY | O_CLOEXEC);
	char *bytes = calloc(1, MOST_COMMAND + 1);
	if (!bytes)
		return NULL;
	size_t length = 0;
	while (fd >= 0 && length < MOST_COMMAND) {
		ssize_t got = read(fd, bytes + length, MOST_COMMAND - length);
		if (got <= 0)
			break;
		length += got;
	}
	*ret_length = length;
	return bytes;
}

static size_t count_arguments(const char *bytes, size_t length)
{
	size_t count = 0;
	for (size_t at = 0; at < length; at += strlen(bytes + at) + 1)
		count++;
	return count;
}

char **proc_read_command(int proc)
{
	size_t length;
	CLEANUP(freep) char *bytes = read_arguments(proc, &length);
	if (!bytes)
		return NULL;
	char **command = calloc(count_arguments(bytes, length) + 1, sizeof(*command));
	if (!command)
		return NULL;
	size_t count = 0;
	for (size_t at = 0; at < length; at += strlen(bytes + at) + 1) {
		command[count] = text_from_bytes(bytes + at, strlen(bytes + at));
		if (!command[count++]) {
			proc_command_free(command);
			return NULL;
		}
	}
	return command;
}

void proc_command_free(char **command)
{
	for (char **argument = command; argument && *argument; argument++)
		free(*argument);
	free(command);
}

static char *bracketed_name(int proc)
{
	size_t length;
	CLEANUP(freep) char *name = io_read_file(proc, "comm", MOST_TEXT, &length);
	if (!name)
		return strdup("[?]");
	if (length && name[length - 1] == '\n')
		length--;
	CLEANUP(freep) char *clean = text_from_bytes(name, length);
	char *line = NULL;
	return clean && asprintf(&line, "[%s]", clean) >= 0 ? line : NULL;
}

char *proc_read_command_line(int proc)
{
	size_t length;
	CLEANUP(freep) char *bytes = read_arguments(proc, &length);
	if (!bytes)
		return NULL;
	while (length && bytes[length - 1] == '\0')
		length--;
	if (length == 0)
		return bracketed_name(proc);
	for (size_t i = 0; i < length; i++)
		if (bytes[i] == '\0')
			bytes[i] = ' ';
	return text_from_bytes(bytes, length);
}

char *proc_read_executable(int proc)
{
	CLEANUP(freep) char *path = io_read_link(proc, "exe");
	return path ? text_from_bytes(path, strlen(path)) : NULL;
}

double proc_uptime(uint64_t start_time)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	double uptime = now.tv_sec + now.tv_nsec / 1e9 - (double)start_time / sysconf(_SC_CLK_TCK);
	return uptime > 0 ? uptime : 0;
}
