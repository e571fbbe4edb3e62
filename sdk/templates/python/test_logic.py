import unittest

import logic


class Greet(unittest.TestCase):
    def test_a_person_is_greeted(self):
        self.assertEqual(logic.greet("Ada"), "Hello, Ada!")

    def test_nobody_is_not_greeted(self):
        with self.assertRaises(ValueError):
            logic.greet(" ")
