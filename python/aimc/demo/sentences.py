# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sentence pairs with a similarity from 0 (unrelated) to 5 (same meaning), graded by hand."""

PAIRS: tuple[tuple[float, str, str], ...] = (
    (5.0, "A man is playing a guitar on stage.", "On a stage, a man plays the guitar."),
    (5.0, "The train to the coast leaves at noon.", "At twelve the train departs for the coast."),
    (4.8, "The child is asleep in her bed.", "The little girl sleeps in bed."),
    (4.6, "She bought a used car last week.", "Last week she purchased a second-hand automobile."),
    (4.5, "Heavy rain flooded the streets.", "The roads were under water after a downpour."),
    (4.2, "The company reported higher profits.", "Earnings of the firm went up."),
    (4.0, "Two dogs run across a field of grass.", "A pair of dogs is running in a meadow."),
    (3.8, "The doctor advised him to stop smoking.", "His physician told him to give up tobacco."),
    (3.5, "A woman is slicing tomatoes.", "A woman is cutting vegetables in a kitchen."),
    (3.2, "The bank raised its interest rate.", "Borrowing money has become more expensive."),
    (3.0, "A boy throws a ball to his dog.", "A boy is playing outside with an animal."),
    (2.8, "The museum opens a show of modern art.", "A gallery presents paintings of the city."),
    (2.5, "A chef is baking bread.", "Someone is frying fish in a pan."),
    (2.2, "The plane landed late because of fog.", "The bus was delayed by an accident."),
    (2.0, "A violinist tunes her instrument.", "An orchestra is giving a concert in the park."),
    (1.8, "The striker scored two goals.", "The tennis player won her first match."),
    (1.5, "Farmers worry about the dry summer.", "A gardener is watering the roses."),
    (1.2, "The court rejected the appeal.", "Parliament will vote on the budget tomorrow."),
    (1.0, "A cat watches birds from the window.", "An elephant drinks from the river."),
    (0.8, "The phone needs a new battery.", "The lamp on the desk is broken."),
    (0.5, "A surgeon washes his hands.", "Children build a castle out of sand."),
    (0.2, "Volcanoes formed the island.", "He forgot the password of his account."),
    (0.0, "The recipe calls for three eggs.", "Quantum computers are cooled with helium."),
    (0.0, "A goalkeeper stops the penalty.", "The accountant files the tax return."),
)
