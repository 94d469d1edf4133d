package simulator_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"

	"tasksync/internal/simulator"
	"tasksync/task"
)

func ExampleSimulator() {
	upstream := simulator.New(simulator.Config{Seed: 1, Speed: math.Inf(1)})
	defer upstream.Close()
	server := httptest.NewServer(upstream)
	defer server.Close()

	id := upstream.Submit(task.Lyrics, simulator.RefusedSilently, simulator.Maintenance)
	for range 2 {
		res, err := server.Client().Get(server.URL + "/api/v1/lyrics/record-info?taskId=" + id)
		if err != nil {
			panic(err)
		}
		var answer struct {
			Code int
			Msg  string
		}
		_ = json.NewDecoder(res.Body).Decode(&answer)
		_ = res.Body.Close()
		fmt.Println(answer.Code, answer.Msg)
	}
	record, _ := upstream.Task(id)
	fmt.Println(record.Asked, record.Expected.Status, record.Expected.ErrorCode)
	// Output:
	// 455 System maintenance
	// 200 success
	// 2 failed INAPPROPRIATE_CONTENT
}
