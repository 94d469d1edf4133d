//go:build !sabotage

package daemon

import "tasksync/syncer"

// sabotage returns nothing; see the file for the build tag sabotage.
func sabotage() []syncer.Effect { return nil }
