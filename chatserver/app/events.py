"""The events of all features: those that processes send each other, and those that are sent to clients."""

from chatserver.announcements.events import AnnouncementsChanged
from chatserver.assets.events import FavoritesChanged, PicturesChanged
from chatserver.audit.events import OperatorActed
from chatserver.credits.events import CreditsChanged
from chatserver.generations.events import Progress
from chatserver.jobs.events import JobsWaiting
from chatserver.messages.events import Delta, MessageChanged, PlainPart, ReplyEnded, ReplyPart
from chatserver.payments.events import PaymentNotice
from chatserver.realtime.events import CommandReply, More, Presence, Typing, Welcome
from chatserver.reports.events import ReportMade
from chatserver.sessions.events import SessionChanged, SessionDeleted, StatsChanged, SummariesChanged
from chatserver.users.events import SignInsEnded

# The events of the features that brokers carry between processes, and that the hub decodes.
BROKER_EVENTS = (
    MessageChanged,
    ReplyEnded,
    ReplyPart,
    Delta,
    Progress,
    CreditsChanged,
    SessionChanged,
    SessionDeleted,
    StatsChanged,
    SignInsEnded,
    FavoritesChanged,
    PicturesChanged,
    PaymentNotice,
    JobsWaiting,
    OperatorActed,
    ReportMade,
)
# What processes tell each other only: a client learns of it by what they do about it, or not at all.
_BETWEEN_PROCESSES = (ReplyEnded, ReplyPart, SignInsEnded, PicturesChanged, JobsWaiting, OperatorActed, ReportMade)
# Everything that the socket of a session may receive.
SERVER_EVENTS = (
    Welcome,
    PlainPart,
    *(event for event in BROKER_EVENTS if event not in _BETWEEN_PROCESSES),
    SummariesChanged,
    AnnouncementsChanged,
    Presence,
    Typing,
    More,
    CommandReply,
)
