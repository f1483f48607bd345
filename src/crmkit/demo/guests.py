"""The guests of a restaurant: two thousand people, invented from a seed, with tastes, birthdays and habits."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate
from random import Random

import attrs

YEAR = 2025
FIRST, LAST = date(YEAR, 1, 1), date(YEAR, 12, 31)
FAMILIES = (
    "Wang Li Zhang Liu Chen Yang Zhao Huang Zhou Wu Xu Sun Hu Zhu Gao Lin He Guo Ma Luo Liang Song Zheng Xie Han Tang "
    "Feng Yu Dong Xiao Cheng Cao Yuan Deng Fu Shen Zeng Peng Lu Su Jiang Cai Jia Ding Wei Xue Ye Yan Pan Du"
)
GIVEN = (
    "Wei Fang Na Min Jing Li Qiang Lei Jun Yang Yong Yan Jie Juan Tao Ming Chao Xia Ping Gang Hui Ying Mei Lan Xin Yu "
    "Hao Ting Bo Rui Lin Kai Ning Jia Yue Xuan Chen Zhen Dan Shan Hong Bin Fei Qing Ru Tong"
)
TASTES: Mapping[str, int] = {"spicy": 34, "noodles": 22, "seafood": 15, "vegetarian": 12, "sweet": 10, "tea": 7}
MENU: Sequence[tuple[str, int, str]] = (
    ("Mapo tofu", 32, "spicy"),
    ("Twice-cooked pork", 48, "spicy"),
    ("Chongqing chicken", 56, "spicy"),
    ("Hot pot for two", 168, "spicy"),
    ("Dandan noodles", 22, "noodles"),
    ("Beef noodle soup", 36, "noodles"),
    ("Zhajiang noodles", 26, "noodles"),
    ("Steamed sea bass", 98, "seafood"),
    ("Prawns with garlic", 88, "seafood"),
    ("Crab with ginger", 188, "seafood"),
    ("Braised aubergine", 34, "vegetarian"),
    ("Mushroom stew", 42, "vegetarian"),
    ("Eight-treasure rice", 28, "sweet"),
    ("Osmanthus jelly", 18, "sweet"),
    ("Pot of Longjing", 58, "tea"),
    ("Pot of Pu'er", 46, "tea"),
)
MONTHS = (1.05, 1.25, 0.95, 0.95, 1.05, 0.9, 0.8, 0.85, 1.05, 1.1, 0.95, 1.15)  # the Spring Festival, a hot summer
WEEKDAYS = (0.75, 0.75, 0.8, 0.9, 1.25, 1.5, 1.25)
CAMPAIGNS = (
    ("Spring Festival menu", "wechat", date(YEAR, 1, 13), 30, 18_000),
    ("Summer seafood week", "delivery app", date(YEAR, 7, 7), 21, 15_000),
    ("Mid-Autumn banquets", "newspaper", date(YEAR, 9, 8), 30, 12_000),
)


@attrs.frozen(kw_only=True)
class Guest:
    """Somebody who comes to eat.

    Attributes:
        arrives: the day of the first visit.
        visits: the days of all visits.
        campaign: the number of the campaign that brought the guest.
    """

    name: str
    email: str
    birthday: date
    tastes: tuple[str, ...]
    source: str
    arrives: date
    visits: tuple[date, ...]
    campaign: int | None


@attrs.frozen(kw_only=True)
class Meal:
    """What was eaten on one visit: dish and how many."""

    dishes: tuple[tuple[int, int], ...]
    channel: str
    method: str


def invent(count: int, *, seed: int) -> list[Guest]:
    """Invent so many guests, the same ones for the same seed."""
    random = Random(seed)  # noqa: S311 - invented people need no cryptography
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    weights = list(accumulate(_crowd(day) * (1.6 if _campaign(day) is not None else 1.0) for day in days))
    guests = []
    for number in range(count):
        # A third were known before the year began; the others come during the year, most during campaigns.
        old = random.random() < 0.33
        arrives = days[int(random.expovariate(1 / 12)) % 60] if old else _pick(random, days, weights)
        campaign = None if old or random.random() < 0.35 else _campaign(arrives)
        family, given = random.choice(FAMILIES.split()), random.choice(GIVEN.split())
        guests.append(
            Guest(
                name=f"{given} {family}",
                email=f"{given}.{family}{number}@example.com".lower(),
                birthday=date(1950, 1, 1) + timedelta(days=int(random.triangular(0, 20_000, 14_000))),
                tastes=_tastes(random),
                source="campaign" if campaign is not None else random.choice(["walk-in", "walk-in", "friend", "map"]),
                arrives=arrives,
                visits=tuple(_visits(random, arrives)),
                campaign=campaign,
            )
        )
    return guests


def meal(random: Random, guest: Guest) -> Meal:
    """What a guest orders: mostly what he likes."""
    liked = [n for n, (_, _, taste) in enumerate(MENU) if taste in guest.tastes]
    people = random.choices([1, 2, 3, 4, 6], [25, 40, 15, 15, 5])[0]
    chosen: dict[int, int] = {}
    for _ in range(max(1, people)):
        dish = random.choice(liked) if random.random() < 0.75 else random.randrange(len(MENU))
        chosen[dish] = chosen.get(dish, 0) + 1
    channel = random.choices(["shop", "delivery", "online"], [70, 22, 8])[0]
    method = random.choices(["wechat", "alipay", "card", "cash"], [45, 30, 17, 8])[0]
    return Meal(dishes=tuple(sorted(chosen.items())), channel=channel, method=method)


def _crowd(day: date) -> float:
    return MONTHS[day.month - 1] * WEEKDAYS[day.weekday()]


def _campaign(day: date) -> int | None:
    for number, (_, _, begins, days, _) in enumerate(CAMPAIGNS):
        if begins <= day < begins + timedelta(days=days):
            return number
    return None


def _pick(random: Random, days: Sequence[date], weights: Sequence[float]) -> date:
    return days[min(bisect(weights, random.random() * weights[-1]), len(days) - 1)]


def _tastes(random: Random) -> tuple[str, ...]:
    first = random.choices(list(TASTES), list(TASTES.values()))[0]
    second = random.choices(list(TASTES), list(TASTES.values()))[0]
    return (first, second) if second != first and random.random() < 0.4 else (first,)


def _visits(random: Random, arrives: date) -> list[date]:
    """Each guest comes at a rate of his own, and stays away for good with a chance of his own after any visit."""
    every = 40 / max(random.gammavariate(1.1, 1), 0.05)
    leaves = random.betavariate(1.2, 3.2)
    visits, day = [arrives], arrives
    while random.random() > leaves:
        day += timedelta(days=1 + int(random.expovariate(1 / every)))
        while random.random() > _crowd(day) / 2:  # rather on a Saturday
            day += timedelta(days=1)
        if day > LAST:
            break
        visits.append(day)
    return visits
