/*
 * Loaded before the C library (LD_PRELOAD, ld.so(8)), so that a workerd which was not changed has another time of day: the
 * system's, and as many seconds more as stand in the file that MOVING_CLOCK names. They count from the moment in which they
 * are written there. Clocks that timers go by are left alone.
 *
 * libfaketime(1) would be this, but a program with tcmalloc in it, as workerd is, never gets past its start: it looks for
 * symbols that are not there, for which the linker allocates memory, for which tcmalloc polls, which libfaketime takes over.
 * So nothing is looked for here. It needs no header either: a compiler without the C library's development files will do.
 */
typedef struct {
  long seconds;
  long nanoseconds;
} timespec;

extern char *getenv(const char *name);
extern int open(const char *path, int flags, ...);
extern void *mmap(void *address, unsigned long length, int protection, int flags, int file, long offset);
extern long syscall(long number, ...);

enum { TIME_OF_DAY = 0, TIME_OF_DAY_COARSE = 5 }; /* CLOCK_REALTIME, CLOCK_REALTIME_COARSE */
enum { READ_ONLY = 0, READABLE = 1, SHARED = 1 }; /* O_RDONLY, PROT_READ, MAP_SHARED */
#if defined(__x86_64__)
enum { SYS_CLOCK_GETTIME = 228 };
#else
enum { SYS_CLOCK_GETTIME = 113 }; /* of all architectures that Linux took up since, arm64 among them */
#endif

/* Absent until the constructor has run, before which a program may ask for the time already. */
static const volatile long *ahead_seconds;

__attribute__((constructor)) static void read_file(void) {
  const char *path = getenv("MOVING_CLOCK");
  int file = path ? open(path, READ_ONLY) : -1;
  if (file < 0) return;
  void *mapped = mmap(0, sizeof(long), READABLE, SHARED, file, 0);
  if (mapped != (void *)-1) ahead_seconds = mapped;
}

int clock_gettime(int clock, timespec *now) {
  int failed = (int)syscall(SYS_CLOCK_GETTIME, (long)clock, now);
  if (!failed && ahead_seconds && (clock == TIME_OF_DAY || clock == TIME_OF_DAY_COARSE)) now->seconds += *ahead_seconds;
  return failed;
}
