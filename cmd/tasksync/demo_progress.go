package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"tasksync/task"
)

// demoProgress shows how far the demo is, on standard error.
type demoProgress interface {
	show(s demoStanding)
	// close leaves the last state standing.
	close()
}

var (
	_ demoProgress = (*demoBars)(nil)
	_ demoProgress = (*demoLines)(nil)
)

// newDemoProgress makes bars for a terminal and lines for everything else. Bars
// stop being drawn when ctx ends, so that they do not overwrite what is said
// then.
func newDemoProgress(ctx context.Context, std *streams, terminal bool) demoProgress {
	if terminal {
		return newDemoBars(ctx, std.err)
	}
	fmt.Fprintln(std.err, demoHeading())
	return &demoLines{out: std.err, began: time.Now()}
}

func demoHeading() string {
	return fmt.Sprintf("Inserting %d rows. The daemon does the rest; stuck tasks end after %s.", len(demoScript), demoTimeout)
}

// demoLines is one line a second.
type demoLines struct {
	out   io.Writer
	began time.Time
	told  int // seconds
	last  demoStanding
}

func (l *demoLines) show(s demoStanding) {
	l.last = s
	if second := int(time.Since(l.began).Seconds()); second > l.told {
		l.told = second
		l.close()
	}
}

func (l *demoLines) close() { fmt.Fprintln(l.out, l.last.line(l.began)) }

func (s demoStanding) line(began time.Time) string {
	return fmt.Sprintf("%3.0f s  %2d inserted  %2d pending  %2d complete  %2d failed  %3d requests",
		time.Since(began).Seconds(), s.inserted, s.pending, s.complete, s.failed, s.requests)
}

// demoBars has a bar for each task type, and a line below.
type demoBars struct {
	bars  *mpb.Progress
	types map[task.Type]*mpb.Bar
	sum   *mpb.Bar
	last  atomic.Pointer[demoStanding]
}

func newDemoBars(ctx context.Context, out io.Writer) *demoBars {
	b := &demoBars{
		bars:  mpb.NewWithContext(ctx, mpb.WithOutput(out), mpb.WithRefreshRate(100*time.Millisecond)),
		types: map[task.Type]*mpb.Bar{},
	}
	b.last.Store(&demoStanding{})
	fmt.Fprintf(out, "\n%s\n\n", demoHeading())
	style := mpb.BarStyle().Lbound("").Rbound("").Filler("█").Tip("█").Padding("░")
	for _, kind := range []task.Type{task.Generate, task.Extend, task.Replace, task.Merge, task.Lyrics} {
		total := demoTotal(kind)
		b.types[kind] = b.bars.New(int64(total), style, mpb.BarWidth(36),
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-9s", kind))),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.ends(kind, total) })))
	}
	began := time.Now()
	b.sum = b.bars.New(int64(len(demoScript)), nil, mpb.PrependDecorators(
		decor.Any(func(decor.Statistics) string { return b.last.Load().line(began) })))
	return b
}

func demoTotal(kind task.Type) (n int) {
	for _, part := range demoScript {
		if part.kind == kind {
			n++
		}
	}
	return n
}

func (b *demoBars) ends(kind task.Type, total int) string {
	e := b.last.Load().byType[kind]
	ended := fmt.Sprintf("%d/%d", e.complete+e.failed, total)
	return fmt.Sprintf(" %5s  %2d complete  %2d failed", ended, e.complete, e.failed)
}

func (b *demoBars) show(s demoStanding) {
	b.last.Store(&s)
	for kind, bar := range b.types {
		ends := s.byType[kind]
		bar.SetCurrent(int64(ends.complete + ends.failed))
	}
}

// close draws a last time. Bars that are not full are given up.
func (b *demoBars) close() {
	for _, bar := range b.types {
		bar.Abort(false) // does nothing to a full one
	}
	b.sum.Abort(false)
	b.bars.Wait()
}
