// Package looks answers one question: when is a look at this row worth its price?
//
// A look costs a request. A row that has ended and was not looked at yet waits. The
// price of a look, in seconds of waiting, says how much of the one is worth how
// much of the other, and three parts follow from it:
//
//	ended rows ──▶ Model ──▶ survival of this row ──▶ Plan ──▶ age at the next look
//	               (learns)  P(under way at age t)    (exact optimum for a price)
//
// [Model] learns how long the tasks of one provider and type take. It learns from
// intervals: a row ended between its last look that found it under way and the one
// that found it ended. What a look shows beside the end, its [Stage], narrows the
// rest: some experts count the time from the row's beginning, some from the stage,
// some in parts of the time that the stage took, each with a short and a long
// memory, and each is believed by how well it has foretold. Before a row has ended, the
// schedule of the task type is the prior.
//
// [Plan] is the exact optimum for a survival curve and a price: of all schedules
// on its grid of ages the one with the least E[looks]·price + E[waiting], found by
// dynamic programming, for every age at once. For frequent looks its density is
// Keller's: √(hazard / (2·price)).
//
// [Market] finds the price at which the looks fit into the limit, for each user by what
// that user asks for: who asks for little does not pay what others have driven up.
//
// What is pure here does no I/O and asks no clock: its caller tells the times.
package looks
