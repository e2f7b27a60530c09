"""The drafting suite: cases that anybody can read, on the drafting road that live lead messages take."""
