package jobs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tasksync/task"
)

// oddWordsEvery spaces the searches for odd words.
const oddWordsEvery = 30 * time.Second

// tellOddWords logs the words in column status that mean neither a pending row nor
// one that has ended, once each: nobody follows their rows.
func (c *Client) tellOddWords(ctx context.Context) error {
	now := c.cfg.Now()
	if !c.odd.First("", now) {
		return nil
	}
	words, err := c.queries.GenerationListOddWords(ctx, c.cfg.Pool, c.cfg.Words.Spellings(task.Complete, task.Failed))
	if err != nil {
		return fmt.Errorf("list odd words of statuses: %w", err)
	}
	for _, w := range words {
		if c.told.First(w.Word, now) {
			c.cfg.Logger.Warn("[TaskSync] A status means neither a pending row nor one that has ended; its rows are not followed",
				"status", task.Redact(w.Word), "rows", w.Found,
				"hint", "a pending row has one of "+strings.Join(task.PendingWords(), ", ")+"; name your words for complete and failed with TASKSYNC_STATUS_WORDS")
		}
	}
	return nil
}
