package sunoclips

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestWhichClipsAreATask(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("11111111-1111-4111-8111-%012d", i))
	}
	for name, tc := range map[string]struct {
		taskID string
		rows   []string
		want   []string
	}{
		"one id":                        {clipA, nil, []string{clipA}},
		"one id, and its row":           {clipA, []string{clipA}, []string{clipA}},
		"two ids":                       {clipA + "," + clipB, nil, []string{clipA, clipB}},
		"two ids, one row":              {clipA + "," + clipB, []string{clipB}, []string{clipA, clipB}},
		"two ids, other rows":           {clipA + "," + clipB, []string{clipC}, []string{clipA, clipB}},
		"spaces and empty parts":        {" " + clipA + ", ," + clipB + ",", nil, []string{clipA, clipB}},
		"an id twice":                   {clipA + "," + strings.ToUpper(clipA) + "," + clipB, nil, []string{clipA, clipB}},
		"the application's own id":      {"order-17", []string{clipA, clipB}, []string{clipA, clipB}},
		"a UUID of the application":     {clipC, []string{clipA, clipB}, []string{clipA, clipB}},
		"rows that are no clips":        {clipC, []string{"x", "order-17"}, []string{clipC}},
		"the application's id, no rows": {"order-17", nil, nil},
		"a list with something else":    {clipA + ",x", []string{clipB}, []string{clipB}},
		"nothing":                       {"", nil, nil},
		"a hundred":                     {strings.Join(many, ","), nil, many[:maxGroup]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := groupOf(task.Ref{TaskID: tc.taskID, Type: task.Generate, ClipIDs: tc.rows})
			require.Equal(t, group{tc.taskID, tc.want}, got)
		})
	}
}
