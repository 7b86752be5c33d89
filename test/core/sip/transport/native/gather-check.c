/* Checks native/gather.c with a clock of its own: who is read at once, who waits and for how long. */
#include <stdio.h>
#include <stdlib.h>

#include "gather.h"

static const uint64_t ms = 1000000;
static struct gather gather;
static uint64_t now;

static void expect(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "broken: %s\n", what);
  abort();
}

/* `step` ns later so many datagrams are there. The ns for which they waited. */
static uint64_t come(uint64_t step, int count) {
  now += step;
  uint64_t waited = gather_wait(&gather, now);
  now += waited;
  expect(gather_wait(&gather, now) == 0, "nobody waits twice");
  gather_note(&gather, now, count);
  return waited;
}

static void begin(uint64_t span) {
  gather = (struct gather){.span = span};
  now = 100 * ms;
}

int main(void) {
  begin(2 * ms);
  for (int i = 0; i < 1000; i++) expect(come(ms / 2, 1) == 0, "one after the other is read at once");

  begin(2 * ms);
  for (int i = 0; i < 6; i++) expect(come(ms / 5, 1) == 0, "not before many have come");
  for (int i = 0; i < 1000; i++) expect(come(ms / 5, 9) == 2 * ms - ms / 5, "while many come, two ms from one reading to the next");
  expect(come(5 * ms, 1) == 0, "after a rest at once");
  expect(come(ms / 5, 2) > 0, "and goes on gathering");
  for (int i = 0; i < 200; i++) expect(come(ms / 5, 9) == 0, "until it was not worth it: then not for 50 ms");
  for (int i = 0; i < 60; i++) come(ms, 9);
  expect(come(ms / 5, 9) > 0, "then again");

  begin(2 * ms);
  for (int i = 0; i < 1000; i++) expect(come(ms / 5, 40) == 0, "so many at once need no waiting");

  begin(0);
  for (int i = 0; i < 1000; i++) expect(come(ms / 50, 9) == 0, "without a span never");
  return 0;
}
