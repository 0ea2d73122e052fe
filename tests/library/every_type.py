"""A small study with a codebook of every type: twelve notes about a library, which nobody wrote."""

from __future__ import annotations

TEXTS = {
    "n01": "The new reading room is bright and quiet. Please open it on Sundays!",
    "n02": "I waited an hour at the desk and nobody could tell me why my card was blocked.",
    "n03": "The library is open from nine to six.",
    "n04": "Good books, but the heating was broken again and I left after 20 minutes.",
    "n05": 'My two children love the story hour; "more of it", they say. Thank you!',
    "n06": "Three computers, two of them out of order. Repair them, or buy new ones.",
    "n07": "Café closed, lift closed, toilets closed… 😡 What is open at all?",
    "n08": "The staff found every one of the 4 books I asked for.",
    "n09": "Please lower the fines. 2.50 euros a day is too much.",
    "n10": "Es war ruhig und warm, vielen Dank – auch für die Hilfe mit dem Drucker.",
    "n11": "The library is open from nine to six.",  # the same text as n03
    "n12": "We want a longer loan period and a box for returns at night.",
}

CODEBOOKS: dict[str, str] = {
    "mood": """\
construct: mood
question: How does the writer feel about the library?
type: classify
level: ordinal
status: frozen
categories:
  pleased: {value: 1, define: The writer praises or thanks.}
  displeased: {value: -1, define: The writer complains.}
not_codable: {label: neither}
system: You code what visitors write about a library.
prompt: {rationale: before, rationale_tokens: 12}
examples:
  - {text: The shelves are dusty., label: displeased, rationale: Dust is a complaint.}
""",
    "topics": """\
construct: topics
question: Is the note about {category}?
type: multilabel
categories:
  the building: {define: "Rooms, heating, lifts."}
  staff:
""",
    "anger": """\
construct: anger
question: How angry is the writer?
type: rate
level: interval
scale: {low: 0, high: 3, anchors: {0: calm, 3: furious}}
not_codable: {label: cannot tell}
prompt: {label_order: rotated}
calibration: {method: contextual, texts: [N/A, ""]}
wording:
  main: |-
    Note: \"\"\"{text}\"\"\"
    {question} From {low} to {high}:
    {definitions}
    Answer with one of: {labels}.
""",
    "things": """\
construct: things
question: How many things does the note name that can be counted?
type: count
scale: {low: 0, high: 500}
answer: There are {label}.
""",
    "minutes": """\
construct: minutes
question: How many minutes did the visit take?
type: number
scale: {low: 0, high: 600, decimals: 1}
examples:
  - {text: I left after half an hour., label: 30}
""",
    "wishes": """\
construct: wishes
question: What does the writer want to be changed?
type: extract
spans: {most: 2, none: nothing}
prompt: {rationale: after, rationale_tokens: 8}
""",
    "polite": """\
construct: polite
question: Which note is more polite?
type: compare
pairs: {rounds: 2, seed: 3, first: A, second: B, tie: neither}
wording:
  main: |-
    <a>{first}</a>
    <b>{second}</b>
    {question} Answer with one of: {labels}.
""",
    "visit": """\
construct: visit
type: record
system: You code what visitors write about a library.
fields:
  season:
    question: In which season was it?
    type: classify
    level: nominal
    categories: {summer: , winter: }
    not_codable: {label: not said}
  hurry:
    question: How much of a hurry was the writer in?
    type: rate
    level: ordinal
    scale: {low: 1, high: 3}
  people:
    question: How many people are named?
    type: count
    scale: {low: 0, high: 20}
  share:
    question: Which share of the note is praise?
    type: number
    scale: {low: 0, high: 1, decimals: 2}
  places:
    question: Which rooms or places are named?
    type: extract
prompt: {label_order: random, seed: 5}
calibration:
  method: batch
  texts: [A note., A day., Monday., Books., Hello., The end., Some words., A door., It is so., A week.]
""",
}

CONSTRUCTS = (
    "anger", "minutes", "mood", "polite", "things", "topics_staff", "topics_the_building", "visit_hurry",
    "visit_people", "visit_places", "visit_season", "visit_share", "wishes",
)  # fmt: skip
"""What these files become, sorted."""
