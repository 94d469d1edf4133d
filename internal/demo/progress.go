package demo

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

// progress shows how far the demo is.
type progress interface {
	show(c counts)
	// close leaves the last state on the screen.
	close()
}

// newProgress makes bars for a terminal and lines for everything else. Bars are
// no longer drawn when ctx has ended, so that they do not overwrite what is
// printed then.
func newProgress(ctx context.Context, out io.Writer, asBars bool, p painter) progress {
	if asBars {
		return newBars(ctx, out, p)
	}
	fmt.Fprintln(out, heading())
	return &lines{out: out, began: time.Now()}
}

func heading() string {
	return fmt.Sprintf("Inserting %d rows. The daemon does the rest; stuck tasks end after %s.", len(script), timeout)
}

// lines prints one line a second.
type lines struct {
	out     io.Writer
	began   time.Time
	printed int // seconds
	last    counts
}

func (l *lines) show(c counts) {
	l.last = c
	if second := int(time.Since(l.began).Seconds()); second > l.printed {
		l.printed = second
		l.close()
	}
}

func (l *lines) close() { fmt.Fprintln(l.out, l.last.line(l.began)) }

func (c counts) line(began time.Time) string {
	return fmt.Sprintf("%3.0f s  %2d inserted  %2d pending  %2d complete  %2d failed  %3d calls",
		time.Since(began).Seconds(), c.inserted, c.pending, c.complete, c.failed, c.requests)
}

// bars has a bar for each task type, and a line below.
type bars struct {
	all   *mpb.Progress
	types map[task.Type]*mpb.Bar
	sum   *mpb.Bar
	last  atomic.Pointer[counts]
}

func newBars(ctx context.Context, out io.Writer, p painter) *bars {
	b := &bars{
		all:   mpb.NewWithContext(ctx, mpb.WithOutput(out), mpb.WithRefreshRate(100*time.Millisecond)),
		types: map[task.Type]*mpb.Bar{},
	}
	b.last.Store(&counts{})
	fmt.Fprintf(out, "\n%s\n\n", heading())
	style := mpb.BarStyle().Lbound("").Rbound("").Filler("█").Tip("█").Padding("░").
		FillerMeta(p.with(green)).TipMeta(p.with(green))
	for _, taskType := range []task.Type{task.Generate, task.Extend, task.Replace, task.Merge, task.Lyrics} {
		total := total(taskType)
		b.types[taskType] = b.all.New(int64(total), style, mpb.BarWidth(36),
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-9s", taskType))),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.ends(taskType, total) })))
	}
	began := time.Now()
	b.sum = b.all.New(int64(len(script)), nil, mpb.PrependDecorators(
		decor.Any(func(decor.Statistics) string { return b.last.Load().line(began) })))
	return b
}

func total(taskType task.Type) (n int) {
	for _, p := range script {
		if p.taskType == taskType {
			n++
		}
	}
	return n
}

func (b *bars) ends(taskType task.Type, total int) string {
	e := b.last.Load().byType[taskType]
	ended := fmt.Sprintf("%d/%d", e.complete+e.failed, total)
	return fmt.Sprintf(" %5s  %2d complete  %2d failed", ended, e.complete, e.failed)
}

func (b *bars) show(c counts) {
	b.last.Store(&c)
	for taskType, bar := range b.types {
		e := c.byType[taskType]
		bar.SetCurrent(int64(e.complete + e.failed))
	}
}

// close draws a last time. Bars that are not full are aborted.
func (b *bars) close() {
	for _, bar := range b.types {
		bar.Abort(false) // does nothing to a full one
	}
	b.sum.Abort(false)
	b.all.Wait()
}
